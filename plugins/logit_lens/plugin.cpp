#include <lensbench/plugin.hpp>

#include "logit_lens.hpp"

LENSBENCH_PLUGIN("logit_lens", LENSBENCH_TOOL(lensbench::lens::LogitLensTool, "logit_lens", "1.0.0",
                                              "Prediction of the model if it ended at each layer"));
