#include <lensbench/plugin.hpp>

#include "composition.hpp"

LENSBENCH_PLUGIN("composition",
                 LENSBENCH_TOOL(lensbench::composition::CompositionTool, "composition", "1.0.0",
                                "What attention heads say to each other and to the vocabulary, "
                                "from weights alone"));
