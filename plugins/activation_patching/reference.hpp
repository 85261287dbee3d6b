#pragma once

#include <cstdint>
#include <lensbench/reference_prompts.hpp>

namespace lensbench::patching {

/// First tokens, as many as the prompt has, of another reference prompt that is at least as long,
/// drawn by the seed of the run and the prompt. \throws UsageError if there is none
Tokens draw(const Context& context, const ReferencePrompts& reference, const Tokens& prompt);

/// Philox stream of `draw`.
inline constexpr std::uint64_t kDrawStream = 0x70617463;

}  // namespace lensbench::patching
