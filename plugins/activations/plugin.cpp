#include <lensbench/plugin.hpp>

#include "activations.hpp"

LENSBENCH_PLUGIN("activations",
                 LENSBENCH_TOOL(lensbench::activations::ActivationsTool, "activations", "1.0.0",
                                "Raw activations at any hook points"));
