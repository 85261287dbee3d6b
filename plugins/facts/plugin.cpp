#include <lensbench/plugin.hpp>

#include "facts.hpp"

LENSBENCH_PLUGIN("facts",
                 LENSBENCH_TOOL(lensbench::facts::FactsTool, "facts", "1.0.0",
                                "What the model asserts about given subjects, as a small graph, "
                                "and where it recalls it"));
