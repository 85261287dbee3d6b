#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Result of `lensbench verify`.
struct VerifyResult {
  bool intact = false;                ///< all stored digests match the content
  bool expected = true;               ///< the given digest, if any, is one of the four
  bool complete = false;              ///< every planned case ran
  std::vector<std::string> findings;  ///< one message per fault; empty if all three are true
  std::string seal_sha256;            ///< computed digest of the whole content
};

/// Recomputes all digests of an archive.
/// \param expected  a digest kept outside of the archive, usually results or seal
/// \throws InputError if the file cannot be read at all
LENSBENCH_API VerifyResult verify_archive(const std::filesystem::path& path,
                                          const std::optional<std::string>& expected = {});

}  // namespace lensbench
