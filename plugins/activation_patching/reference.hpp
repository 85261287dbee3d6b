#pragma once

#include <cstdint>
#include <lensbench/reference_prompts.hpp>
#include <optional>

namespace lensbench::patching {

/// Reference prompts that a case drew, each cut to the length of its prompt.
struct Drawn {
  Tokens source;  ///< values come from it
  /// Another one, whose effects show what the draw decides; empty: there is only one.
  std::optional<Tokens> control;
};

/// Draws among the reference prompts that are at least as long as the prompt and differ from it, by
/// the seed of the run and the prompt. \throws UsageError if there is none
Drawn draw(const Context& context, const ReferencePrompts& reference, const Tokens& prompt);

/// Philox stream of `draw`.
inline constexpr std::uint64_t kDrawStream = 0x70617463;

}  // namespace lensbench::patching
