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

/// Called now and then: what was read may leave memory.
using Relieve = std::function<void()>;

/// SHA-256 over decoded content, a Merkle tree of groups:
///   dataset  H(0x00, path, type, dimension names, lengths, elements, attributes)
///   group    H(0x01, path, attributes, digests of the members by name)
/// Text is its length as u64 and its bytes; numbers are little-endian, floats by their bits;
/// attributes are sorted by name, without HDF5's bookkeeping and without the digests themselves.
/// File layout, compression and creation order do not enter.
///
/// Here by path, as in `/results/lens/entropy`: of each dataset, and of each group with all below.
using DigestsByPath = std::map<std::string, Sha256Digest>;

/// What is under `path`; adds every digest it comes by to `known`, and those of single cases.
void collect_digests(hid_t file, const std::string& path, DigestsByPath& known,
                     CaseDigests* cases = nullptr, const Relieve& relieve = {});

/// \param known  what is not read again; gets every digest
Digests compute_digests(hid_t file, DigestsByPath& known, const Relieve& relieve = {});
Digests compute_digests(hid_t file, const Relieve& relieve = {});
/// As stored in the root's attributes; empty where one is missing.
Digests stored_digests(hid_t file);
void write_digests(hid_t file, const Digests& digests);

}  // namespace lensbench
