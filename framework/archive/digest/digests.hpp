#pragma once

#include <string>

namespace lensbench {

/// The four content digests of an archive, 64 hexadecimal digits each.
struct Digests {
  std::string results;      ///< of `/results`
  std::string recipe;       ///< of `/recipe`
  std::string environment;  ///< of `/environment`
  std::string seal;         ///< of everything

  bool operator==(const Digests&) const = default;
};

}  // namespace lensbench
