#include <lensbench/plugin.hpp>

#include "path_patching.hpp"

LENSBENCH_PLUGIN(
    "path_patching",
    LENSBENCH_TOOL(lensbench::paths::PathPatchingTool, "path_patching", "1.0.0",
                   "Along which path the answer comes: what one component writes, replaced for one "
                   "reader alone"));
