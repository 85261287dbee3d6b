#include <lensbench/plugin.hpp>

#include "vision_lens.hpp"

LENSBENCH_PLUGIN("vision_lens",
                 LENSBENCH_TOOL(lensbench::vision_lens::VisionLensTool, "vision_lens", "1.0.0",
                                "What each layer decodes to at the tokens of a picture"));
