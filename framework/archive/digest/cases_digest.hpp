#pragma once

#include <lensbench/dataset.hpp>
#include <string>

namespace lensbench {

/// Digest of the cases of a run, by which archives over the same cases are recognised: SHA-256 over
/// the values of the columns with dimension `case` of the table `/recipe`, in hexadecimal digits.
///
/// The input of the hash is the byte 2, the number of cases, and of each case in order: id, text,
/// number of tokens, SHA-256 of the token ids, text and SHA-256 of the second prompt, other fields,
/// then SHA-256 of the file of each of its pictures.
/// Numbers are u64, little-endian; a text is its length in bytes and its bytes.
/// \throws InputError for a table without these columns
std::string cases_digest(const Dataset& recipe);

}  // namespace lensbench
