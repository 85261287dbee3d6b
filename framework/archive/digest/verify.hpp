#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Result of `lensbench verify`.
struct VerifyResult {
  bool intact = false;                ///< all stored digests match the content
  bool expected = true;               ///< the given digest, if any, is that of seal or results
  bool complete = false;              ///< every planned case ran
  std::vector<std::string> findings;  ///< one message per fault; empty if all three are true
  std::string seal_sha256;            ///< computed digest of the whole content
  std::string matched;  ///< what the given digest covers: `seal` or `results`; else empty
};

/// Recomputes all digests of an archive.
/// \param expected  a digest kept outside of the archive, of the seal or of the results, in letters
///   of any case; those of recipe and environment are refused, since archives with other results
///   have them too
/// \throws InputError if the file cannot be read at all
VerifyResult verify_archive(const std::filesystem::path& path,
                            const std::optional<std::string>& expected = {});

/// Verifies an archive whose numbers are about to be presented.
/// \param consequence  what is not done with a damaged one, for the message: `no page is written`
/// \throws InputError if the archive is not intact, with the first finding
void require_intact(const std::filesystem::path& path, const std::string& consequence);

}  // namespace lensbench
