#include <lensbench/plugin.hpp>

#include "edge_attribution.hpp"

LENSBENCH_PLUGIN(
    "edge_attribution",
    LENSBENCH_TOOL(lensbench::edges::EdgeAttributionTool, "edge_attribution", "1.0.0",
                   "Which edges between components carry the answer, and how much of it a circuit "
                   "of the best edges gives"));
