#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::patching {

/// Variables of activation_patching. Effects by head come first, since their names also end in
/// `_effect`.
inline constexpr ResultSpec kPatchingTable[] = {
    {"*_head_effect", "block head token", "nats or 1",
     "metric with this head's activation replaced at this position, minus the base metric",
     View::bars, false},
    {"*_head_effect", "block kv_head token", "nats or 1",
     "the same for a head that has keys and values", View::bars, false},
    {"*_head_effect", "block head", "nats or 1",
     "metric with this head's activation replaced at all positions, minus the base metric",
     View::patching, false},
    {"*_head_effect", "block kv_head", "nats or 1", "the same for a head that has keys and values",
     View::patching, false},
    {"*_head_recovery", "block head token", "1", "effect divided by the gap", View::bars, false},
    {"*_head_recovery", "block kv_head token", "1", "effect divided by the gap", View::bars, false},
    {"*_head_recovery", "block head", "1", "effect divided by the gap", View::patching, false},
    {"*_head_recovery", "block kv_head", "1", "effect divided by the gap", View::patching, false},
    {"*_effect", "block token", "nats or 1",
     "metric with the activation replaced at this position, minus the base metric", View::patching,
     false},
    {"*_effect", "block", "nats or 1",
     "metric with the activation replaced at all positions, minus the base metric", View::bars,
     false},
    {"*_recovery", "block token", "1", "effect divided by the gap", View::patching, false},
    {"*_recovery", "block", "1", "effect divided by the gap", View::bars, false},
    {"*_head_control", "block head token", "nats or 1",
     "the effect with the activations of a second drawn prompt, for source=resample", View::general,
     false},
    {"*_head_control", "block kv_head token", "nats or 1",
     "the same for a head that has keys and values", View::general, false},
    {"*_head_control", "block head", "nats or 1",
     "the effect with the activations of a second drawn prompt, at all positions", View::general,
     false},
    {"*_head_control", "block kv_head", "nats or 1", "the same for a head that has keys and values",
     View::general, false},
    {"*_control", "block token", "nats or 1",
     "the effect with the activations of a second drawn prompt, for source=resample", View::general,
     false},
    {"*_control", "block", "nats or 1",
     "the effect with the activations of a second drawn prompt, at all positions", View::general,
     false},
    {"base_metric", "", "nats or 1", "metric of the run that is changed", View::general},
    {"source_metric", "", "nats or 1", "metric of the run that values come from", View::general,
     false},
    {"gap", "", "nats or 1", "source_metric minus base_metric", View::general, false},
};

}  // namespace lensbench::patching
