#include "archive/verify.hpp"

#include "archive/archive_reader.hpp"
#include "archive/digest.hpp"

namespace lensbench {

VerifyResult verify_archive(const std::filesystem::path& path,
                            const std::optional<std::string>& expected) {
  VerifyResult result;
  result.complete = ArchiveReader(path).complete();
  const hdf5::Handle file = hdf5::open_file(path.string());
  const Digests found = compute_digests(file), stored = stored_digests(file);
  const auto compare = [&](const std::string& what, const std::string& now,
                           const std::string& before) {
    if (now != before)
      result.findings.push_back(what + " is damaged: its digest is " + now + ", stored is " +
                                (before.empty() ? "none" : before));
  };
  compare("/results", found.results, stored.results);
  compare("/recipe", found.recipe, stored.recipe);
  compare("/environment", found.environment, stored.environment);
  compare("the archive", found.seal, stored.seal);
  result.intact = result.findings.empty();
  result.expected = !expected || *expected == found.results || *expected == found.recipe ||
                    *expected == found.environment || *expected == found.seal;
  if (!result.expected)
    result.findings.push_back("the expected digest " + *expected +
                              " is none of this archive's four");
  if (!result.complete) result.findings.push_back("not every planned case has run");
  result.seal_sha256 = found.seal;
  return result;
}

}  // namespace lensbench
