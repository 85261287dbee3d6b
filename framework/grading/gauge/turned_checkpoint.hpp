#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace lensbench::grading {

/// Heads of a turned model by their names, `L0H1`, with their names in the model it was made from.
using HeadNames = std::map<std::string, std::string>;

/// Writes a checkpoint of GPT-2 or Llama that computes the same function in another basis: the
/// stream is turned by a random orthogonal matrix, which leaves the mean alone in GPT-2; heads and
/// neurons have another order; each head's queries and keys (but for rotary ones), and its values,
/// are turned; the norms have other gains and biases, and what reads them makes up for it. What a
/// tool claims of a component must not depend on any of that.
/// \param from  folder of the checkpoint
/// \param to    folder that exists, for config.json and model.safetensors
/// \throws InputError for another family, or a final norm with a gain of 0
HeadNames write_turned(const std::filesystem::path& from, const std::filesystem::path& to,
                       std::uint64_t seed);

}  // namespace lensbench::grading
