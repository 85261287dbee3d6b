#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::inputs {

/// Variables of input_attribution.
inline constexpr ResultSpec kInputTable[] = {
    {"attribution", "method token", "nats or 1", "part of the metric that comes from this token",
     View::patching},
    {"saliency", "token", "nats or 1", "length of the gradient of the metric by this token's input",
     View::tokens},
    {"completeness_gap", "method", "nats or 1",
     "sum of the attributions minus the difference of input_metric and baseline_metric",
     View::table},
    {"input_metric", "", "nats or 1", "metric of the prompt", View::general},
    {"baseline_metric", "", "nats or 1", "metric of the baseline", View::general},
    {"routing_jumps", "", "nats or 1",
     "sum of the metric's jumps where the experts of a mixture change along the path of "
     "integrated gradients",
     View::general, false},
    {"routing_changes", "", "1", "pairs of neighbouring steps of that path with different experts",
     View::general, false},
};

}  // namespace lensbench::inputs
