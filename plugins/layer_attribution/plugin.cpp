#include <lensbench/plugin.hpp>

#include "layer_attribution.hpp"

LENSBENCH_PLUGIN("layer_attribution",
                 LENSBENCH_TOOL(lensbench::attribution::LayerAttributionTool, "layer_attribution",
                                "1.0.0",
                                "What each layer, head and neuron adds to a logit, with ablation "
                                "as the causal check"));
