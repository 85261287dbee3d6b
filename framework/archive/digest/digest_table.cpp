#include "archive/digest/digest_table.hpp"

#include <ATen/ATen.h>

#include <lensbench/error.hpp>
#include <set>

#include "archive/hdf5/dataset_io.hpp"

namespace lensbench {
namespace {

Variable text_column(const std::string& name, const std::string& dim,
                     const std::string& long_name) {
  Variable column;
  column.name = name;
  column.dims = {dim};
  column.long_name = long_name;
  return column;
}

void add_places(Dataset& units, const DigestsByPath& known) {
  Variable paths = text_column("place_path", "place", "group or dataset of this file");
  Variable digests = text_column("place_sha256", "place", "content digest of it");
  for (const auto& [path, digest] : known) {
    paths.strings.push_back(path);
    digests.strings.push_back(to_hex(digest));
  }
  units.add(std::move(paths));
  units.add(std::move(digests));
}

void add_cases(Dataset& units, const CaseDigests& known) {
  Variable paths = text_column("part_group", "part", "group of results");
  Variable cases = text_column("part_case", "part", "number of the case");
  Variable digests = text_column("part_sha256", "part", "digest of what the case has in it");
  std::vector<std::int64_t> numbers;
  for (const auto& [part, digest] : known) {
    paths.strings.push_back(part.first);
    numbers.push_back(part.second);
    digests.strings.push_back(to_hex(digest));
  }
  cases.tensor = at::tensor(numbers, at::kLong).to(at::kInt);
  units.add(std::move(paths));
  units.add(std::move(cases));
  units.add(std::move(digests));
}

/// Whether something below `path` is among `paths`, which are sorted.
bool has_below(const std::set<std::string>& paths, const std::string& path) {
  const auto next = paths.lower_bound(path + "/");
  return next != paths.end() && next->starts_with(path + "/");
}

void add_differing_places(std::vector<std::string>& sentences, const DigestsByPath& stored,
                          const DigestsByPath& found) {
  std::set<std::string> changed, gone, added;
  for (const auto& [path, digest] : stored) {
    const auto now = found.find(path);
    if (now == found.end())
      gone.insert(path);
    else if (now->second != digest)
      changed.insert(path);
  }
  for (const auto& [path, digest] : found)
    if (!path.empty() && stored.count(path) == 0 && !path.starts_with("/units")) added.insert(path);
  for (const std::string& path : changed)
    if (!has_below(changed, path) && !has_below(gone, path) && !has_below(added, path))
      sentences.push_back(path + " is not what was written");
  for (const std::string& path : gone) sentences.push_back(path + " is missing");
  for (const std::string& path : added) sentences.push_back(path + " was added");
}

}  // namespace

void add_digests(Dataset& units, const PartDigests& known) {
  add_places(units, known.places);
  add_cases(units, known.cases);
}

PartDigests stored_part_digests(hid_t file) {
  PartDigests stored;
  try {
    const Dataset units = read_dataset(hdf5::open_group(file, "units"), "/units");
    if (!units.contains("place_path") || !units.contains("part_group")) return stored;
    const auto& paths = units["place_path"].strings;
    for (std::size_t i = 0; i < paths.size(); ++i)
      if (const auto digest = from_hex(units["place_sha256"].strings.at(i)))
        stored.places[paths[i]] = *digest;
    const auto& groups = units["part_group"].strings;
    const at::Tensor numbers = units["part_case"].tensor.to(at::kLong);
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (const auto digest = from_hex(units["part_sha256"].strings.at(i)))
        stored.cases[{groups[i], numbers[static_cast<std::int64_t>(i)].item<std::int64_t>()}] =
            *digest;
  } catch (const std::exception&) {
    return {};  // damaged itself
  }
  return stored;
}

std::vector<std::string> differing_parts(const PartDigests& stored, const PartDigests& found) {
  std::vector<std::string> sentences;
  add_differing_places(sentences, stored.places, found.places);
  for (const auto& [part, digest] : stored.cases) {
    const auto now = found.cases.find(part);
    if (now == found.cases.end() || now->second != digest)
      sentences.push_back(part.first + " of case " + std::to_string(part.second) +
                          " is not what was written");
  }
  return sentences;
}

}  // namespace lensbench
