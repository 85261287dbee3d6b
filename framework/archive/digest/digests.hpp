#pragma once

#include <string>

namespace lensbench {

/// The four content digests of an archive, 64 hexadecimal digits each.
struct Digests {
  std::string results;      ///< digest of `/results`
  std::string recipe;       ///< digest of `/recipe`
  std::string environment;  ///< digest of `/environment`
  std::string seal;         ///< digest of the whole archive

  bool operator==(const Digests&) const = default;
};

}  // namespace lensbench
