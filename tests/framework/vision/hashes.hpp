#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/files/sha256.hpp"

namespace lensbench::vision {

/// SHA-256 of numbers as they are in memory.
template <class T>
std::string hash_of(const std::vector<T>& values) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(values)));
  return to_hex(hash.finish());
}

}  // namespace lensbench::vision
