#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// What `lensbench verify` found.
struct VerifyResult {
  bool intact = false;                ///< every digest is that of the content
  bool expected = true;               ///< the digest kept elsewhere, if given, is one of the four
  bool complete = false;              ///< every planned case ran
  std::vector<std::string> findings;  ///< one sentence each; empty if all three hold
  std::string seal_sha256;            ///< of the content, as computed
};

/// Recomputes all digests of an archive.
/// \param expected  a digest kept elsewhere: one of the four, results or seal usually
/// \throws InputError if the file cannot be read at all
LENSBENCH_API VerifyResult verify_archive(const std::filesystem::path& path,
                                          const std::optional<std::string>& expected = {});

}  // namespace lensbench
