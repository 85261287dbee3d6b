#pragma once

#include <string>

namespace lensbench {

/// Source revision and compiler of this binary.
struct BuildInfo {
  std::string version;     ///< `1.0.0`
  std::string git_commit;  ///< with `-dirty` for changed files; empty outside a checkout
  std::string compiler;    ///< `GNU 12.2.0`
  std::string build_type;  ///< `Release`
};

BuildInfo build_info();

}  // namespace lensbench
