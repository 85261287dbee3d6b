#pragma once

#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

#include "archive/digest/digest.hpp"

namespace lensbench {

/// Digests of all parts of an archive.
struct PartDigests {
  DigestsByPath paths;
  CaseDigests cases;
};

/// Adds digests to the table `/units`, with which `verify` finds the damaged parts of an archive.
void add_digests(Dataset& units, const PartDigests& known);

/// Digests that `add_digests` stored; empty if they are missing or not readable.
PartDigests stored_part_digests(hid_t file);

/// Messages about the deepest paths and the cases whose content does not match `stored`, one for
/// each.
std::vector<std::string> differing_parts(const PartDigests& stored, const PartDigests& found);

}  // namespace lensbench
