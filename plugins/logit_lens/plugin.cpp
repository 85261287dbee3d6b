#include <lensbench/plugin.hpp>

#include "logit_lens.hpp"

LENSBENCH_PLUGIN("logit_lens",
                 LENSBENCH_TOOL(lensbench::lens::LogitLensTool, "logit_lens", "1.0.0",
                                "What the model would predict if it stopped at each layer"));
