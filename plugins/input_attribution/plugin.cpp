#include <lensbench/plugin.hpp>

#include "input_attribution.hpp"

LENSBENCH_PLUGIN("input_attribution",
                 LENSBENCH_TOOL(lensbench::inputs::InputAttributionTool, "input_attribution",
                                "1.0.0",
                                "Which input token an answer comes from: gradients, integrated "
                                "gradients, occlusion, attention"));
