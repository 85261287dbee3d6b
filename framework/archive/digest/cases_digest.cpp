#include "archive/digest/cases_digest.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <lensbench/error.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "core/files/sha256.hpp"

// Digest of the cases of a run. Archives of different models and tools have the same digest if they
// asked about the same cases in the same order, so model, parameters, names and units of columns
// are not part of it. tests/parity/archive_digests.py has an independent implementation.

namespace lensbench {
namespace {

void add_number(Sha256& hash, std::int64_t value) {
  hash.update(std::as_bytes(std::span(&value, 1)));
}

/// The length before the bytes makes different lists of texts different inputs.
void add_text(Sha256& hash, std::string_view text) {
  add_number(hash, static_cast<std::int64_t>(text.size()));
  hash.update(text);
}

/// Column of a table, checked. \throws InputError
const Variable& case_column(const Dataset& recipe, const char* name, bool is_text,
                            std::int64_t count) {
  const std::string where = std::string("/recipe/") + name;
  if (!recipe.contains(name)) throw InputError(where + ": is missing");
  const Variable& column = recipe[name];
  if (column.is_text() != is_text || column.shape() != std::vector<std::int64_t>{count})
    throw InputError(where + ": not a column with one value for each case");
  return column;
}

/// SHA-256 of the files of the pictures of each case, in order; empty for runs without pictures.
std::vector<std::vector<std::string>> pictures_by_case(const Dataset& recipe, std::size_t count) {
  if (!recipe.contains("image_case")) return {};
  const at::Tensor numbers = recipe["image_case"].tensor.to(at::kLong).contiguous();
  const std::vector<std::string>& hashes = recipe["image_file_sha256"].strings;
  std::vector<std::vector<std::string>> pictures(count);
  for (std::int64_t i = 0; i < numbers.numel(); ++i) {
    const std::int64_t number = numbers.data_ptr<std::int64_t>()[i];
    const auto row = static_cast<std::size_t>(i);
    if (number < 0 || number >= static_cast<std::int64_t>(count) || row >= hashes.size())
      throw InputError(
          "/recipe/image_case: not a column with the number of a case for each picture");
    pictures[static_cast<std::size_t>(number)].push_back(hashes[row]);
  }
  return pictures;
}

}  // namespace

std::string cases_digest(const Dataset& recipe) {
  // Every archive has this column; its length is the number of cases for all others.
  if (!recipe.contains("case_id")) throw InputError("/recipe/case_id: is missing");
  const auto count = static_cast<std::int64_t>(recipe["case_id"].strings.size());
  const auto texts = [&](const char* name) -> const std::vector<std::string>& {
    return case_column(recipe, name, true, count).strings;
  };
  const at::Tensor lengths =
      case_column(recipe, "n_tokens", false, count).tensor.to(at::kLong).contiguous();
  const std::array before = {&texts("case_id"), &texts("text")};
  const std::array after = {&texts("ids_sha256"), &texts("corrupted_text"),
                            &texts("corrupted_ids_sha256"), &texts("fields")};
  const auto pictures = pictures_by_case(recipe, static_cast<std::size_t>(count));
  // The byte 2 separates these inputs from those of datasets (0) and groups (1), see digest.hpp.
  Sha256 hash;
  hash.update(std::string_view("\2"));
  add_number(hash, count);
  // One case after the other, with its columns in the order that cases_digest.hpp documents.
  for (std::int64_t i = 0; i < count; ++i) {
    const auto row = static_cast<std::size_t>(i);
    for (const auto* column : before) add_text(hash, (*column)[row]);
    add_number(hash, lengths.data_ptr<std::int64_t>()[i]);
    for (const auto* column : after) add_text(hash, (*column)[row]);
    if (!pictures.empty())
      for (const std::string& sha256 : pictures[row]) add_text(hash, sha256);
  }
  return to_hex(hash.finish());
}

}  // namespace lensbench
