#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::paths {

/// Variables of path_patching.
inline constexpr ResultSpec kPathTable[] = {
    {"effect", "sender receiver", "nats or 1",
     "metric with the sender's output replaced for this receiver alone, minus the base metric "
     "(NaN: the receiver is not later)",
     View::patching, false},
    {"effect", "sender receiver token", "nats or 1",
     "the same with the output replaced at this position alone", View::patching, false},
    {"recovery", "sender receiver", "1", "effect divided by the gap", View::patching, false},
    {"recovery", "sender receiver token", "1", "effect divided by the gap", View::patching, false},
    {"frozen_norm_effect", "sender", "1",
     "change of the target's logit (less that of versus) by the direct path to the logits, with "
     "the scale of the final norm held at that of the base run",
     View::bars, false},
    {"base_metric", "", "nats or 1", "metric of the run that is changed", View::general},
    {"source_metric", "", "nats or 1", "metric of the run that values come from", View::general},
    {"gap", "", "nats or 1", "source_metric minus base_metric", View::general},
};

}  // namespace lensbench::paths
