#include <lensbench/plugin.hpp>

#include "steering.hpp"

LENSBENCH_PLUGIN(
    "steering",
    LENSBENCH_TOOL(lensbench::steering::SteeringTool, "steering", "1.0.0",
                   "Pushes the residual stream along a direction: the effect, that of random "
                   "directions, and the cost on a neutral text"));
