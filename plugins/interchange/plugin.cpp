#include <lensbench/plugin.hpp>

#include "interchange.hpp"

LENSBENCH_PLUGIN("interchange",
                 LENSBENCH_TOOL(lensbench::interchange::InterchangeTool, "interchange", "1.0.0",
                                "Does a subspace of an activation carry a variable: it is "
                                "exchanged between prompts, with controls"));
