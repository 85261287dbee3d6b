#pragma once

#include <cstdint>
#include <string>

namespace lensbench::testing {

inline const std::string kAgreement = "agreement";
/// Rows of its axis `method`.
inline constexpr std::int64_t kLensRow = 0, kDirectRow = 1, kAblationRow = 2, kPatchingRow = 3,
                              kGradientRow = 4, kIntegratedRow = 5;

}  // namespace lensbench::testing
