#include <algorithm>
#include <lensbench/error.hpp>

#include "archive/hdf5/dataset_io.hpp"

// Reader of the texts of an archive, which are strings of variable length.

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::readable;

/// Identifiers of a transfer of strings.
struct StringTransfer {
  hid_t type, memory, space, transfer;
};

/// Reads the `count` selected strings and passes them to `use`.
void use_block(hid_t dataset, const std::string& path, const StringTransfer& of, hsize_t count,
               const std::function<void(std::string)>& use) {
  std::vector<char*> pointers(static_cast<std::size_t>(count));
  readable(H5Dread(dataset, of.type, of.memory, of.space, of.transfer, pointers.data()), path);
  // A file can store a null pointer as text; a std::string must not be made from it.
  const bool whole = std::find(pointers.begin(), pointers.end(), nullptr) == pointers.end();
  if (whole)
    for (const char* pointer : pointers) use(pointer);
  H5Dvlen_reclaim(of.type, of.memory, H5P_DEFAULT, pointers.data());
  if (!whole) throw InputError(path + ": null strings are not allowed in a lensbench archive");
}

}  // namespace

void for_each_string(hid_t dataset, const std::string& path,
                     const std::function<void(std::string)>& use) {
  const Handle stored(readable(H5Dget_type(dataset), path), H5Tclose);
  if (readable(H5Tis_variable_str(stored), path) == 0)
    throw InputError(path + ": fixed-length strings are not allowed in a lensbench archive");
  const Handle space(readable(H5Dget_space(dataset), path), H5Sclose);
  const auto lengths = extent(dataset, path);
  const auto total = static_cast<hsize_t>(readable(H5Sget_simple_extent_npoints(space), path));
  const Handle type = hdf5::string_type();
  // A list is read in blocks of rows, so that a long one is never in memory as a whole.
  constexpr hsize_t kRows = 1 << 14;
  const hsize_t step = lengths.size() == 1 ? std::min(total, kRows) : total;
  const Handle transfer = hdf5::string_transfer(step);
  for (hsize_t first = 0; first < total; first += step) {
    const hsize_t count = std::min(step, total - first);
    if (lengths.size() == 1)
      readable(H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, nullptr, &count, nullptr), path);
    const Handle memory(readable(H5Screate_simple(1, &count, nullptr), path), H5Sclose);
    use_block(dataset, path, {type, memory, space, transfer}, count, use);
  }
}

std::vector<std::string> read_strings(hid_t dataset, const std::string& path) {
  std::vector<std::string> texts;
  for_each_string(dataset, path, [&](std::string text) { texts.push_back(std::move(text)); });
  return texts;
}

std::string read_text(hid_t group, const std::string& path, const std::string& name) {
  const std::string what = path + "/" + name;
  const Handle dataset(readable(H5Dopen2(group, name.c_str(), H5P_DEFAULT), what), H5Dclose);
  const auto texts = read_strings(dataset, what);
  if (texts.size() != 1)
    throw InputError(what + ": expected one text, found " + std::to_string(texts.size()));
  return texts.front();
}

}  // namespace lensbench
