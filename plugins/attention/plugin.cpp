#include <lensbench/plugin.hpp>

#include "attention.hpp"

LENSBENCH_PLUGIN("attention",
                 LENSBENCH_TOOL(lensbench::attention::AttentionTool, "attention", "1.0.0",
                                "Where each attention head looks, and which known kind of head it "
                                "resembles"));
