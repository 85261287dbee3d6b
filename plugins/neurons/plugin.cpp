#include <lensbench/plugin.hpp>

#include "neuron_explorer.hpp"
#include "sparsity.hpp"

LENSBENCH_PLUGIN("neurons",
                 LENSBENCH_TOOL(lensbench::neurons::SparsityTool, "sparsity", "1.0.0",
                                "How often and how evenly neurons are active over a text, and how "
                                "many at each token"),
                 LENSBENCH_TOOL(lensbench::neurons::NeuronExplorerTool, "neuron_explorer", "1.0.0",
                                "Where neurons are most active, which tokens they write and read, "
                                "and what they change"));
