#pragma once

#include <functional>
#include <lensbench/export.hpp>
#include <map>
#include <string>

#include "archive/digest/case_digests.hpp"
#include "archive/digest/digests.hpp"
#include "archive/hdf5/hdf5.hpp"
#include "core/files/sha256.hpp"

namespace lensbench {

/// Callback that may release the memory of what was read so far.
using Relieve = std::function<void()>;

/// Digests of datasets and of groups with their members, by path (`/results/lens/entropy`).
///
/// They are SHA-256 digests H of decoded content that form a Merkle tree of groups:
///   dataset  H(0x00, path, type, dimension names, lengths, elements, attributes)
///   group    H(0x01, path, attributes, digests of the members by name)
/// Text is encoded as its length (u64) and its bytes, numbers little-endian, floats by their bits.
/// Attributes are sorted by name; those of HDF5's bookkeeping and the digests are excluded. A
/// digest does not depend on file layout, compression and creation order.
using DigestsByPath = std::map<std::string, Sha256Digest>;

/// Computes the digests of everything under `path` and adds them to `known`, and those of single
/// cases to `cases` if it is not null.
void collect_digests(hid_t file, const std::string& path, DigestsByPath& known,
                     CaseDigests* cases = nullptr, const Relieve& relieve = {});

/// Computes the digests of an archive.
/// \param known  digests that are not computed again; receives all others
Digests compute_digests(hid_t file, DigestsByPath& known, const Relieve& relieve = {});
Digests compute_digests(hid_t file, const Relieve& relieve = {});
/// Digests stored in the attributes of the root; empty text for a missing one.
Digests stored_digests(hid_t file);
void write_digests(hid_t file, const Digests& digests);

}  // namespace lensbench
