#include "archive/digest/verify.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <lensbench/error.hpp>

#include "archive/archive_reader.hpp"
#include "archive/digest/cases_digest.hpp"
#include "archive/digest/digest_table.hpp"

// Verification recomputes every digest from the content and compares it with the stored one. Only
// when one differs, the table of digests is read to find the damaged parts: it needs a second pass
// over the results.

namespace lensbench {

namespace {

/// Reports both digests, since the stored one may be the damaged one.
void compare(VerifyResult& result, const std::string& what, const std::string& now,
             const std::string& before) {
  if (now != before)
    result.findings.push_back(what + " is damaged: its digest is " + now + ", stored is " +
                              (before.empty() ? "none" : before));
}

/// Digests that agree say only that nothing changed after the archive was sealed. Readers split
/// `token_id` by `n_tokens`, so both have to agree in addition.
void check_token_ids(const Dataset& recipe) {
  for (const char* name : {"n_tokens", "token_id"})
    if (!recipe.contains(name) || recipe[name].is_text())
      throw InputError(std::string("/recipe/") + name + ": is not a column of numbers");
  const auto stated = recipe["n_tokens"].tensor.sum().item<std::int64_t>();
  const std::int64_t stored = recipe["token_id"].tensor.numel();
  if (stated != stored || recipe["n_tokens"].tensor.lt(0).any().item<bool>())
    throw InputError("/recipe/token_id: found " + std::to_string(stored) +
                     " token ids, but the cases state " + std::to_string(stated));
}

/// Archives of format 1 lack the digest of the cases.
void compare_cases(VerifyResult& result, const ArchiveReader& archive) {
  try {
    const Dataset recipe = archive.recipe();
    if (archive.format() >= 2)
      compare(result, "the table of the cases in /recipe", cases_digest(recipe),
              archive.attribute("cases_sha256"));
    check_token_ids(recipe);
  } catch (const InputError& error) {
    result.findings.push_back(std::string("the table of the cases is damaged: ") + error.what());
  }
}

/// Compares with a digest that was kept outside of the archive. Digests of recipe and environment
/// are recognised only to explain why they are refused.
void expect(VerifyResult& result, std::string expected, const Digests& found) {
  // Other programs write the digits of a digest in capitals.
  std::transform(expected.begin(), expected.end(), expected.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  result.matched = expected == found.seal ? "seal" : expected == found.results ? "results" : "";
  result.expected = !result.matched.empty();
  if (result.expected) return;
  const std::string other = expected == found.recipe        ? "/recipe"
                            : expected == found.environment ? "/environment"
                                                            : "";
  result.findings.push_back(
      "the expected digest " + expected +
      (other.empty() ? " is not the digest of the seal or of the results of this archive"
                     : " is that of " + other + ", which archives with other results have too") +
      "; give the digest of the seal or of the results");
}

/// Names the parts that differ, at most 20 of them.
/// \param paths  digests that were computed already; those of cases are computed here
void say_where(VerifyResult& result, hid_t file, DigestsByPath paths) {
  const PartDigests stored = stored_part_digests(file);
  if (stored.paths.empty()) return;
  PartDigests found{std::move(paths), {}};
  DigestsByPath read_again;
  collect_digests(file, "/results", read_again, &found.cases);
  constexpr std::size_t kMost = 20;
  const auto parts = differing_parts(stored, found);
  for (std::size_t i = 0; i < parts.size() && i < kMost; ++i) result.findings.push_back(parts[i]);
  if (parts.size() > kMost)
    result.findings.push_back("and " + std::to_string(parts.size() - kMost) + " more parts");
  if (parts.empty())
    result.findings.push_back("/units, or an attribute of the root, differs from what was written");
}

}  // namespace

VerifyResult verify_archive(const std::filesystem::path& path,
                            const std::optional<std::string>& expected) {
  VerifyResult result;
  const ArchiveReader archive(path);
  result.complete = archive.complete();
  const hdf5::Handle file = hdf5::open_file(path.string());
  DigestsByPath known;
  const Digests found = compute_digests(file, known), stored = stored_digests(file);
  compare(result, "/results", found.results, stored.results);
  compare(result, "/recipe", found.recipe, stored.recipe);
  compare(result, "/environment", found.environment, stored.environment);
  compare_cases(result, archive);
  compare(result, "the archive", found.seal, stored.seal);
  // The digest of the caller and missing cases do not count as damage.
  result.intact = result.findings.empty();
  if (!result.intact) say_where(result, file, std::move(known));
  if (expected) expect(result, *expected, found);
  if (!result.complete) result.findings.push_back("not every planned case has run");
  result.seal_sha256 = found.seal;
  return result;
}

void require_intact(const std::filesystem::path& path, const std::string& consequence) {
  const VerifyResult result = verify_archive(path);
  if (!result.intact)
    throw InputError(path.string() + ": damaged archive, " + consequence + ": " +
                     result.findings.front() + "; lensbench verify " + path.string() +
                     " says more");
}

}  // namespace lensbench
