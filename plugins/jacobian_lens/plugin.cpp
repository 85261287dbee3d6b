#include <lensbench/plugin.hpp>

#include "jacobian_lens.hpp"

LENSBENCH_PLUGIN("jacobian_lens",
                 LENSBENCH_TOOL(lensbench::jacobian::JacobianLensTool, "jacobian_lens", "1.0.0",
                                "Prediction at each layer through the mean Jacobian of the last "
                                "stream, and fitting it"));
