#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <optional>
#include <string>
#include <vector>

// Prompts that show how much of an answer is due to the picture: a prompt that names a concept
// makes it probable without one.

namespace lensbench::vision_lens {

/// The prompt without its pictures and the tokens that enclose them.
Tokens without_pictures(const VisionSpec& spec, const Tokens& prompt);

/// The prompt with the squares of each picture that become one token in a random order, the same
/// for equal seeds. What is seen in a square stays, where it is changes.
Tokens with_shuffled_patches(const VisionSpec& spec, const Tokens& prompt, std::uint64_t seed);

/// The prompt with other pictures in the place of its own: those that follow in the prompts of the
/// run, after the last one comes the first.
/// \param prompts  prompts of the run, this one among them
/// \return empty if the prompts have no other picture
std::optional<Tokens> with_other_pictures(const VisionSpec& spec, const Tokens& prompt,
                                          const std::vector<Tokens>& prompts);

}  // namespace lensbench::vision_lens
