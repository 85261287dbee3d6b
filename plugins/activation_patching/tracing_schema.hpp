#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::tracing {

/// Variables of causal_tracing.
inline constexpr ResultSpec kTracingTable[] = {
    {"indirect_effect", "kind block token", "1",
     "probability of the object with this activation restored, minus that of the corrupted run",
     View::patching},
    {"indirect_effect_se", "kind block token", "1",
     "standard error of the indirect effect over samples", View::general},
    {"restored_probability", "kind block token", "1",
     "probability of the object with this activation restored, mean over samples", View::general},
    {"restored_log_probability", "kind block token", "nats",
     "log-probability of the object with this activation restored, mean over samples",
     View::general},
    {"clean_probability", "", "1", "probability of the object in the clean run", View::general},
    {"corrupted_probability", "", "1",
     "probability of the object in the corrupted run, mean over samples", View::general},
    {"total_effect", "", "1", "clean minus corrupted probability", View::general},
    {"control_total_effect", "", "1",
     "total effect of noise on as many tokens that are not of the subject", View::general, false},
    {"noise_standard_deviation", "", "1", "standard deviation of the noise on each embedding entry",
     View::general, false},
    {"predicted_correctly", "", "1", "1 if the object is the first choice of the clean run",
     View::general},
};

}  // namespace lensbench::tracing
