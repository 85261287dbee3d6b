#pragma once

#include <functional>
#include <lensbench/dataset.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "archive/hdf5/hdf5.hpp"
#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench {

/// Label of a dimension without coordinate values, by the convention of netCDF.
std::string bare_dimension_label(std::int64_t length);

/// The most axes that a variable of an archive may have.
constexpr std::size_t kMaxAxes = 8;

/// Checks that an archive can store a dataset with its receipts.
/// \throws UsageError for content that `write_dataset` refuses
void check_storable(const Dataset& dataset);

/// Writes a dataset into an empty group so that h5py, xarray and the netCDF libraries open it:
/// every axis has a dimension scale in this group, every variable `units` and `long_name`, and
/// `coordinates` names the labels other than those of a dimension itself. Receipts are not written.
/// \throws UsageError for content that those readers would misinterpret: units that mean a time,
///   attributes with an effect (`_FillValue`, `scale_factor`, ...); RunError
void write_dataset(hid_t group, const Dataset& dataset);

/// Writes a group of `/results`: `write_dataset` with the attributes by which programs of the NeXus
/// convention plot it (`GroupWriter::describe_plot`).
void write_result(hid_t group, const Dataset& dataset);

/// Reads the dataset of a group.
/// \param skip  names of members that are not part of the dataset
/// \throws InputError for content that write_dataset does not write
Dataset read_dataset(hid_t group, const std::string& path, const std::set<std::string>& skip = {});

/// Reads the dataset of a group without its values, which remain in the file.
StoredDataset stored_dataset(hid_t group, const std::string& path);

/// Writes a variable-length string without dimensions.
void write_text(hid_t group, const std::string& name, const std::string& text);
std::string read_text(hid_t group, const std::string& path, const std::string& name);

/// Strings of a dataset of any rank, in C order.
std::vector<std::string> read_strings(hid_t dataset, const std::string& path);

/// Calls `use` with each string of a dataset, so that a long list is never in memory as a whole.
void for_each_string(hid_t dataset, const std::string& path,
                     const std::function<void(std::string)>& use);

/// Dimension names of the datasets of a group, whose members include the dimension scales.
class Dimensions {
 public:
  explicit Dimensions(const std::vector<hdf5::Child>& members);
  /// Names of the axes of a dataset of this group, from the scales attached to them; for a
  /// dimension scale its own name. \throws InputError for an axis without a scale of this group
  std::vector<std::string> names(hid_t dataset, const std::string& path) const;

 private:
  // Names by address: libhdf5 would search the whole file for the name of a scale.
  std::map<haddr_t, std::string> members_;
};

/// Name of an object in its group, from its path in the file.
std::string last_component(const std::string& path);

/// Whether a dataset is the scale of a dimension without coordinate values.
bool is_bare_dimension(hid_t dataset);

/// Lengths of the axes. \throws InputError for a rank greater than 8
std::vector<hsize_t> extent(hid_t dataset, const std::string& path);

}  // namespace lensbench
