#pragma once

#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

#include "archive/digest/digest.hpp"

namespace lensbench {

/// Digests of all parts of an archive.
struct PartDigests {
  DigestsByPath places;
  CaseDigests cases;
};

/// Adds them to the table `/units`, so that `verify` can say where an archive is damaged.
void add_digests(Dataset& units, const PartDigests& known);

/// As stored by `add_digests`; empty where there are none, or none that can be read.
PartDigests stored_part_digests(hid_t file);

/// The lowest places, and the cases, whose content is not what `stored` says, one sentence each.
std::vector<std::string> differing_parts(const PartDigests& stored, const PartDigests& found);

}  // namespace lensbench
