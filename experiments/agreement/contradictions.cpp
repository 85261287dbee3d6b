#include "contradictions.hpp"

#include <ATen/ops/zeros.h>

#include <array>
#include <cmath>
#include <cstdio>

#include "methods.hpp"

namespace agreement {
namespace {

/// What is known of one component.
struct ComponentPresence {
  ComponentPresence(const Presences& presences, std::int64_t component) {
    for (std::int64_t method = 0; method < kMethodCount; ++method) {
      const auto i = static_cast<std::size_t>(method);
      state[i] = presences.of_methods[method][component].item<std::int8_t>();
      mean[i] = presences.means[method][component].item<double>();
    }
    at_position = presences.at_position[component].item<std::int8_t>();
  }
  bool present(std::int64_t method) const { return is(method, kPresent); }
  bool absent(std::int64_t method) const { return is(method, kAbsent); }
  bool is(std::int64_t method, std::int8_t expected) const {
    return state[static_cast<std::size_t>(method)] == expected;
  }
  bool opposite_signs() const {
    bool up = false, down = false;
    for (std::size_t i = 0; i < state.size(); ++i) {
      up |= state[i] == kPresent && mean[i] > 0;
      down |= state[i] == kPresent && mean[i] < 0;
    }
    return up && down;
  }

  std::array<std::int8_t, kMethods.size()> state{};
  std::array<double, kMethods.size()> mean{};
  std::int8_t at_position = kUndecided;
};

/// In the order of `kKinds`.
std::array<bool, kKinds.size()> kinds_of(const ComponentPresence& one) {
  return {one.opposite_signs(),
          one.present(kDirect) && one.absent(kAblation),
          one.present(kPatching) && one.absent(kDirect),
          one.present(kPatching) && one.absent(kGradient),
          (one.present(kDirect) || one.at_position == kPresent) && one.absent(kLens),
          one.present(kAblation) && one.absent(kPatching)};
}

/// `patching 1.96, direct 0 (absent)` of the methods that are decided.
std::string decided(const ComponentPresence& one) {
  std::string text;
  for (std::size_t i = 0; i < one.state.size(); ++i) {
    if (one.state[i] == kUndecided) continue;
    std::array<char, 64> number{};
    std::snprintf(number.data(), number.size(), "%.3g", one.mean[i]);
    text += std::string(text.empty() ? "" : ", ") + kMethods[i] + " " + number.data();
    if (one.state[i] == kAbsent) text += " (absent)";
  }
  return text;
}

}  // namespace

std::int8_t presence_of(const Estimate& estimate, double gap) {
  const double least = kPresentShare * std::abs(gap);
  if (estimate.p_adjusted < kSignificance && std::abs(estimate.mean) > least) return kPresent;
  return estimate.low >= -least && estimate.high <= least ? kAbsent : kUndecided;
}

at::Tensor contradictions_of(const Presences& presences) {
  const std::int64_t components = presences.means.size(1);
  at::Tensor found = at::zeros({components, static_cast<std::int64_t>(kKinds.size())}, at::kChar);
  for (std::int64_t component = 0; component < components; ++component) {
    const auto kinds = kinds_of(ComponentPresence(presences, component));
    for (std::size_t kind = 0; kind < kinds.size(); ++kind)
      found[component][static_cast<std::int64_t>(kind)] = static_cast<std::int64_t>(kinds[kind]);
  }
  return found;
}

std::vector<std::string> contradiction_texts(const at::Tensor& contradictions,
                                             const Presences& presences) {
  std::vector<std::string> texts;
  for (std::int64_t component = 0; component < contradictions.size(0); ++component) {
    std::string kinds;
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind)
      if (contradictions[component][static_cast<std::int64_t>(kind)].item<std::int8_t>() == 1)
        kinds += std::string(kinds.empty() ? "" : ", ") + kKinds[kind].name;
    texts.push_back(
        kinds.empty() ? "none" : kinds + ": " + decided(ComponentPresence(presences, component)));
  }
  return texts;
}

}  // namespace agreement
