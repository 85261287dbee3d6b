#include "archive/digest/digest_table.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <lensbench/error.hpp>
#include <set>

#include "archive/hdf5/dataset_io.hpp"

// Digests of all groups, datasets and cases, stored in the archive itself. They do not prove
// anything (whoever changes the content can change them); they say where an archive is damaged when
// the digest of the whole differs.

namespace lensbench {
namespace {

void add_paths(Dataset& units, const DigestsByPath& known) {
  std::vector<std::string> paths, digests;
  for (const auto& [path, digest] : known) {
    paths.push_back(path);
    digests.push_back(to_hex(digest));
  }
  units.add_coordinate("place", at::arange(std::ssize(paths), at::kInt),
                       "number of the path in this table");
  units.add("place_path", "place", std::move(paths), "group or dataset of this file");
  units.add("place_sha256", "place", std::move(digests), "content digest of it");
}

/// Digests of what a case has in a group, by which a damaged case is named.
void add_cases(Dataset& units, const CaseDigests& known) {
  std::vector<std::string> groups, digests;
  std::vector<std::int64_t> numbers;
  for (const auto& [part, digest] : known) {
    groups.push_back(part.first);
    numbers.push_back(part.second);
    digests.push_back(to_hex(digest));
  }
  units.add_coordinate("part", at::arange(std::ssize(numbers), at::kInt), "number of the part");
  units.add("part_group", "part", std::move(groups), "group of results");
  units.add("part_case", {"part"}, at::tensor(numbers, at::kLong).to(at::kInt), "1",
            "number of the case");
  units.add("part_sha256", "part", std::move(digests), "digest of what the case has in it");
}

/// Whether `paths` contains a path below `path`. The set is sorted, so one search answers.
bool has_below(const std::set<std::string>& paths, const std::string& path) {
  const auto next = paths.lower_bound(path + "/");
  return next != paths.end() && next->starts_with(path + "/");
}

/// Names only the deepest differences: the digest of a group differs with that of any of its
/// members.
void add_differing_paths(std::vector<std::string>& sentences, const DigestsByPath& stored,
                         const DigestsByPath& found) {
  std::set<std::string> changed, gone, added;
  for (const auto& [path, digest] : stored) {
    const auto now = found.find(path);
    if (now == found.end())
      gone.insert(path);
    else if (now->second != digest)
      changed.insert(path);
  }
  // The table cannot contain the digest of /units, to which it belongs.
  for (const auto& [path, digest] : found)
    if (!path.empty() && stored.count(path) == 0 && !path.starts_with("/units")) added.insert(path);
  for (const std::string& path : changed)
    if (!has_below(changed, path) && !has_below(gone, path) && !has_below(added, path))
      sentences.push_back(path + " differs from what was written");
  for (const std::string& path : gone) sentences.push_back(path + " is missing");
  for (const std::string& path : added) sentences.push_back(path + " was added");
}

}  // namespace

void add_digests(Dataset& units, const PartDigests& known) {
  add_paths(units, known.paths);
  add_cases(units, known.cases);
}

/// The table may be what is damaged, so every error gives an empty answer.
PartDigests stored_part_digests(hid_t file) {
  PartDigests stored;
  try {
    const Dataset units = read_dataset(hdf5::open_group(file, "units"), "/units");
    if (!units.contains("place_path") || !units.contains("part_group")) return stored;
    const auto& paths = units["place_path"].strings;
    for (std::size_t i = 0; i < paths.size(); ++i)
      if (const auto digest = from_hex(units["place_sha256"].strings.at(i)))
        stored.paths[paths[i]] = *digest;
    const auto& groups = units["part_group"].strings;
    const at::Tensor numbers = units["part_case"].tensor.to(at::kLong);
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (const auto digest = from_hex(units["part_sha256"].strings.at(i)))
        stored.cases[{groups[i], numbers[static_cast<std::int64_t>(i)].item<std::int64_t>()}] =
            *digest;
  } catch (const std::exception&) {
    return {};  // the table itself is damaged
  }
  return stored;
}

/// A case that is missing now is reported like one that differs.
std::vector<std::string> differing_parts(const PartDigests& stored, const PartDigests& found) {
  std::vector<std::string> sentences;
  add_differing_paths(sentences, stored.paths, found.paths);
  for (const auto& [part, digest] : stored.cases) {
    const auto now = found.cases.find(part);
    if (now == found.cases.end() || now->second != digest)
      sentences.push_back(part.first + " of case " + std::to_string(part.second) +
                          " differs from what was written");
  }
  return sentences;
}

}  // namespace lensbench
