#include <lensbench/plugin.hpp>

#include "residual_geometry.hpp"

LENSBENCH_PLUGIN(
    "residual_geometry",
    LENSBENCH_TOOL(lensbench::geometry::ResidualGeometryTool, "residual_geometry", "1.0.0",
                   "What the residual stream is made of, how it moves and spreads, and "
                   "how many directions share it"));
