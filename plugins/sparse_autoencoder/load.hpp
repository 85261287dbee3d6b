#pragma once

#include <string>

#include "dictionary.hpp"

namespace lensbench::dictionaries {

/// A dictionary and the files that it was read from.
struct StoredDictionary {
  Dictionary dictionary;
  std::string config;   ///< file of the settings; that of the tensors, where they are in it
  std::string tensors;  ///< file, or `ARCHIVE.h5:results/NAME`
  bool from_archive = false;
};

/// Reads a dictionary: a folder that SAELens 6 saved, with `cfg.json` and
/// `sae_weights.safetensors`; the latter, or `ARCHIVE.h5:results/NAME` of a training.
/// \throws InputError with the file and field or tensor for anything else, and for settings that
///   this version does not follow
StoredDictionary read_dictionary(const std::string& source);

}  // namespace lensbench::dictionaries
