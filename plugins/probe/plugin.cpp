#include <lensbench/plugin.hpp>

#include "probe.hpp"

LENSBENCH_PLUGIN("probe",
                 LENSBENCH_TOOL(lensbench::probing::ProbeTool, "probe", "1.0.0",
                                "Can a property be read off activations linearly, and is it the "
                                "model's or the probe's?"));
