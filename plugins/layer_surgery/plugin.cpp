#include <lensbench/plugin.hpp>

#include "layer_surgery.hpp"

LENSBENCH_PLUGIN("layer_surgery",
                 LENSBENCH_TOOL(lensbench::surgery::LayerSurgeryTool, "layer_surgery", "1.0.0",
                                "What breaks when blocks are taken out, exchanged, repeated or "
                                "replaced, heads merged, neurons pruned"));
