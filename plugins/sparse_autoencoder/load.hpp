#pragma once

#include <string>

#include "dictionary.hpp"

namespace lensbench::dictionaries {

/// A dictionary and the files that it was read from.
struct StoredDictionary {
  Dictionary dictionary;
  std::string config, tensors;
};

/// Reads the folder of a dictionary that SAELens 6 saved: `cfg.json` and
/// `sae_weights.safetensors`.
/// \throws InputError with the file and field or tensor for anything else, and for settings that
///   this version does not follow
StoredDictionary read_dictionary(const std::string& folder);

}  // namespace lensbench::dictionaries
