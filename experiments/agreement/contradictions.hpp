#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace agreement {

/// Adjusted p-value below which a mean over cases can be present.
inline constexpr double kSignificance = 0.05;
/// Share of the gap that a mean must exceed to be present, and that the whole interval of an absent
/// one stays within.
inline constexpr double kPresentShare = 0.05;
/// Fewest cases of an interval: below it, none is given, and nothing is called absent.
inline constexpr std::int64_t kFewestCases = 8;

/// What the cases say of a value: -1 absent, 0 undecided, 1 present.
inline constexpr std::int8_t kAbsent = -1, kUndecided = 0, kPresent = 1;

/// A mean over cases with what is known of it.
struct Estimate {
  double mean = 0;
  double p_adjusted = 0;     ///< NaN: not tested
  double low = 0, high = 0;  ///< bounds of the interval; NaN: too few cases
};

/// Present: p_adjusted < 0.05 and |mean| > 5 % of the gap. Absent: the interval is within 5 % of
/// the gap on either side of 0. Everything else is undecided, as is a NaN.
/// \param gap  mean metric of the clean runs minus that of the corrupted ones
std::int8_t presence_of(const Estimate& estimate, double gap);

/// A way in which two methods contradict each other.
struct Kind {
  const char* name;
  const char* meaning;  ///< what it suggests, and the next look
};
inline constexpr std::array<Kind, 6> kKinds = {{
    {"opposite_sign",
     "two methods are present with different signs: look for an error in a sign or a base first, "
     "then at the paths of the component with path_patching"},
    {"dispensable",
     "direct is present, ablation absent: later components may repair the loss (arXiv:2307.15771); "
     "ablate the component together with its backups"},
    {"indirect",
     "patching is present, direct absent: the answer passes through later components; look with "
     "path_patching from this one"},
    {"saturated",
     "patching is present, gradient absent: the metric is curved here; where integrated is "
     "present, it is the better estimate"},
    {"lens_blind",
     "direct, or patching at the metric's own position, is present, lens absent: the component "
     "writes in another basis; look with tuned_lens"},
    {"pair_bound",
     "ablation is present, patching absent: the component matters for both prompts alike"},
}};

/// What the cases say of every method and component.
struct Presences {
  at::Tensor of_methods;   ///< [method, component] int8
  at::Tensor at_position;  ///< [component] int8, patching at the metric's own position alone
  at::Tensor means;        ///< [method, component] float64
};

/// Which kinds of contradiction each component has, [component, kind] int8. What is undecided is
/// not a contradiction.
at::Tensor contradictions_of(const Presences& presences);

/// The contradictions of each component in words, one text for each; `none` without one.
std::vector<std::string> contradiction_texts(const at::Tensor& contradictions,
                                             const Presences& presences);

}  // namespace agreement
