#include <lensbench/plugin.hpp>

#include "tuned_lens.hpp"

LENSBENCH_PLUGIN("tuned_lens",
                 LENSBENCH_TOOL(lensbench::tuned::TunedLensTool, "tuned_lens", "1.0.0",
                                "Prediction at each layer through a trained map, and training it"));
