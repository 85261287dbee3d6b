#pragma once

#include <functional>
#include <lensbench/dataset.hpp>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "archive/hdf5/hdf5.hpp"
#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench {

/// What HDF5 calls a dimension without coordinates, as netCDF does.
std::string bare_dimension_label(std::int64_t length);

/// What stands behind the numbers of a dataset.
enum class Checks {
  per_chunk,  ///< fletcher32 on every chunk, as in a sealed archive
  outside,    ///< the file has a checksum over all its bytes, as a unit has
};

/// Writes a dataset into an empty group so that h5py, xarray and the netCDF libraries open it: one
/// dimension scale in this group on every axis, `units` and `long_name` on every variable,
/// `coordinates` naming the labels that are not a dimension's own. Receipts are not written.
/// \throws UsageError for what those readers misunderstand: units they take for a time, attributes
///   they act on (`_FillValue`, `scale_factor`, ...); RunError
void write_dataset(hid_t group, const Dataset& dataset, Checks checks = Checks::per_chunk);

/// The memory that an opened file lies in.
struct Image {
  std::span<std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// \param skip  names of members that are no part of the dataset
/// \param image  of the file, if it is in memory: a variable that is most of it is not copied, and
///   keeps it alive
/// \throws InputError for content that write_dataset does not make
Dataset read_dataset(hid_t group, const std::string& path, const std::set<std::string>& skip = {},
                     const Image* image = nullptr);

/// The same with the values left where they are.
StoredDataset stored_dataset(hid_t group, const std::string& path);

/// One variable-length string without dimensions.
void write_text(hid_t group, const std::string& name, const std::string& text);
std::string read_text(hid_t group, const std::string& path, const std::string& name);

/// A dataset's element as text, whatever its rank: elements in C order.
std::vector<std::string> read_strings(hid_t dataset, const std::string& path);

/// The same one by one, so that a long list is never in memory whole.
void for_each_string(hid_t dataset, const std::string& path,
                     const std::function<void(std::string)>& use);

/// The members of a group, among which are the dimension scales of its datasets.
class Dimensions {
 public:
  explicit Dimensions(const std::vector<hdf5::Child>& members);
  /// Names of the axes of a dataset of this group, from the scales attached to them; its own name
  /// if it is one. \throws InputError for an axis without a scale of this group
  std::vector<std::string> names(hid_t dataset, const std::string& path) const;

 private:
  // libhdf5 finds the name of a scale by a walk through the whole file.
  std::map<haddr_t, std::string> members_;
};

/// True for a scale that stands for a dimension without coordinate values.
bool is_bare_dimension(hid_t dataset);

/// Lengths of the axes. \throws InputError beyond rank 8
std::vector<hsize_t> extent(hid_t dataset, const std::string& path);

}  // namespace lensbench
