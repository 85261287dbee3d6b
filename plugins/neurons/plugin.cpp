#include <lensbench/plugin.hpp>

#include "sparsity.hpp"

LENSBENCH_PLUGIN("neurons",
                 LENSBENCH_TOOL(lensbench::neurons::SparsityTool, "sparsity", "1.0.0",
                                "How often and how evenly neurons are active over a text, and how "
                                "many at each token"));
