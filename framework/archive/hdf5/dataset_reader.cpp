#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <hdf5_hl.h>

#include <lensbench/error.hpp>
#include <memory>
#include <optional>
#include <sstream>

#include "archive/hdf5/attributes.hpp"
#include "archive/hdf5/dataset_io.hpp"

// Reader of the groups that `dataset_writer.cpp` writes. It accepts only what the writer produces:
// the types of tensors, texts of variable length, and dimension scales within the same group. A
// file from elsewhere that differs is refused with the path of the object.

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::readable;

/// Element type by class, width and sign. `check_structure` has refused other byte orders.
at::ScalarType element_type(hid_t dataset, const std::string& path) {
  const Handle type(readable(H5Dget_type(dataset), path), H5Tclose);
  const std::size_t size = H5Tget_size(type);
  const auto kind = H5Tget_class(type);
  if (kind == H5T_FLOAT && size == 4) return at::kFloat;
  if (kind == H5T_FLOAT && size == 8) return at::kDouble;
  if (kind == H5T_INTEGER && size == 1)
    return H5Tget_sign(type) == H5T_SGN_NONE ? at::kByte : at::kChar;
  if (kind == H5T_INTEGER && size == 4) return at::kInt;
  if (kind == H5T_INTEGER && size == 8) return at::kLong;
  throw InputError(path + ": element type is not allowed in a lensbench archive");
}

/// Type in memory; truth values are stored as int8.
hid_t memory_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return H5T_NATIVE_FLOAT;
    case at::kDouble:
      return H5T_NATIVE_DOUBLE;
    case at::kByte:
      return H5T_NATIVE_UINT8;
    case at::kInt:
      return H5T_NATIVE_INT32;
    case at::kLong:
      return H5T_NATIVE_INT64;
    default:
      return H5T_NATIVE_INT8;
  }
}

at::Tensor read_values(hid_t dataset, const std::string& path) {
  const auto lengths = extent(dataset, path);
  const auto type = element_type(dataset, path);
  const at::Tensor values =
      at::empty(std::vector<std::int64_t>(lengths.begin(), lengths.end()), type);
  if (values.numel() > 0)
    readable(H5Dread(dataset, memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data_ptr()),
             path);
  return values;
}

/// Reads `lengths` elements from `start`.
at::Tensor read_block(hid_t dataset, const std::string& path, const std::vector<hsize_t>& start,
                      const std::vector<hsize_t>& lengths) {
  const auto type = element_type(dataset, path);
  const at::Tensor values =
      at::empty(std::vector<std::int64_t>(lengths.begin(), lengths.end()), type);
  if (values.numel() == 0) return values;
  const Handle space(readable(H5Dget_space(dataset), path), H5Sclose);
  readable(
      H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, lengths.data(), nullptr),
      path);
  const Handle memory(
      readable(H5Screate_simple(static_cast<int>(lengths.size()), lengths.data(), nullptr), path),
      H5Sclose);
  readable(H5Dread(dataset, memory_type(type), memory, space, H5P_DEFAULT, values.data_ptr()),
           path);
  return values;
}

/// A part of the values, see `StoredVariable::rows`.
at::Tensor read_rows(hid_t dataset, const std::string& path, const std::vector<std::int64_t>& index,
                     std::int64_t first, std::int64_t count) {
  auto lengths = extent(dataset, path);
  if (lengths.empty()) return read_values(dataset, path);
  // Axes before the rows have one index each, those after them are read in full length.
  std::vector<hsize_t> start(lengths.size(), 0);
  for (std::size_t axis = 0; axis < index.size(); ++axis) {
    start[axis] = static_cast<hsize_t>(index[axis]);
    lengths[axis] = 1;
  }
  start[index.size()] = static_cast<hsize_t>(first);
  lengths[index.size()] = static_cast<hsize_t>(count);
  return read_block(dataset, path, start, lengths);
}

/// Removes a text attribute, which becomes a member of the variable and is not one of its
/// attributes.
std::string take_text(std::map<std::string, Attribute>& attributes, const std::string& name) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) return "";
  const auto* text = std::get_if<std::string>(&found->second);
  const std::string value = text == nullptr ? "" : *text;
  attributes.erase(found);
  return value;
}

bool is_text(hid_t dataset, const std::string& path) {
  const Handle type(readable(H5Dget_type(dataset), path), H5Tclose);
  return H5Tget_class(type) == H5T_STRING;
}

/// Facts about a group that are needed to read its variables.
struct GroupFacts {
  Dimensions dimensions;
  std::set<std::string> labels;  ///< variables that label axes of others
};

/// Reads a variable without its numbers.
/// \param boolean  set to true if they represent truth values
Variable read_facts(hid_t dataset, const std::string& path, const GroupFacts& group,
                    bool& boolean) {
  Variable variable;
  variable.name = last_component(path);
  variable.dims = group.dimensions.names(dataset, path);
  variable.attributes = read_attributes(dataset, path);
  variable.units = take_text(variable.attributes, "units");
  variable.long_name = take_text(variable.attributes, "long_name");
  // The writer stores the name as description of a variable without one.
  if (variable.long_name == variable.name) variable.long_name.clear();
  const bool of_axis = variable.dims == std::vector<std::string>{variable.name};
  variable.coordinate = of_axis || group.labels.contains(variable.name);
  if (take_text(variable.attributes, "holds") == "token_ids") variable.holds = Holds::token_ids;
  // Names of labels are derived from the variables again when the dataset is written.
  take_text(variable.attributes, "coordinates");
  boolean = take_text(variable.attributes, "dtype") == "bool";
  if (is_text(dataset, path)) variable.strings = read_strings(dataset, path);
  return variable;
}

Variable read_variable(hid_t dataset, const std::string& path, const GroupFacts& group) {
  bool boolean = false;
  Variable variable = read_facts(dataset, path, group, boolean);
  if (is_text(dataset, path)) return variable;
  variable.tensor = read_values(dataset, path);
  if (boolean) variable.tensor = variable.tensor.to(at::kBool);
  return variable;
}

/// A variable with a function that reads its numbers. The handle of the dataset is shared by the
/// copies of that function and closes with the last of them.
StoredVariable stored_variable(Handle handle, const std::string& path, const GroupFacts& group) {
  StoredVariable stored;
  bool boolean = false;
  stored.facts = read_facts(handle, path, group, boolean);
  const auto lengths = extent(handle, path);
  stored.shape.assign(lengths.begin(), lengths.end());
  if (is_text(handle, path)) return stored;
  stored.type = boolean ? at::kBool : element_type(handle, path);
  const auto dataset = std::make_shared<const Handle>(std::move(handle));
  stored.rows = [dataset, path, boolean](const std::vector<std::int64_t>& index, std::int64_t first,
                                         std::int64_t count) {
    const at::Tensor values = read_rows(*dataset, path, index, first, count);
    return boolean ? values.to(at::kBool) : values;
  };
  return stored;
}

std::set<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::set<std::string> found;
  for (std::string word; stream >> word;) found.insert(word);
  return found;
}

/// Attributes of a group that belong to its dataset, without those for programs that plot it.
std::map<std::string, Attribute> group_attributes(hid_t group, const std::string& path) {
  auto attributes = read_attributes(group, path);
  const auto found = attributes.find("NX_class");
  if (found != attributes.end() && found->second == Attribute(std::string("NXdata")))
    for (const char* name : {"NX_class", "signal", "axes"}) attributes.erase(name);
  return attributes;
}

/// Calls `use` with every variable of a group, its path and the facts about the group.
template <class Use>
void for_each_variable(hid_t group, const std::string& path, const std::set<std::string>& skip,
                       std::set<std::string> labels, Use&& use) {
  const auto members = hdf5::children(group, path);
  const GroupFacts facts{Dimensions(members), std::move(labels)};
  for (const hdf5::Child& child : members) {
    if (skip.count(child.name) > 0) continue;
    const std::string what = path + "/" + child.name;
    // Results are flat: a group of a dataset contains only datasets.
    if (child.is_group) throw InputError(what + ": expected a dataset, found a group");
    Handle handle(readable(H5Dopen2(group, child.name.c_str(), H5P_DEFAULT), what), H5Dclose);
    if (!is_bare_dimension(handle)) use(std::move(handle), what, facts);
  }
}

}  // namespace

Dataset read_dataset(hid_t group, const std::string& path, const std::set<std::string>& skip) {
  Dataset dataset;
  dataset.attributes = group_attributes(group, path);
  const auto labels = words(take_text(dataset.attributes, "coordinates"));
  const auto add = [&](const Handle& handle, const std::string& what, const GroupFacts& facts) {
    // `Dataset::add` reports mistakes of tools; here the content of the file is at fault.
    try {
      dataset.add(read_variable(handle, what, facts));
    } catch (const UsageError& error) {
      throw InputError(what + ": " + error.what());
    }
  };
  for_each_variable(group, path, skip, labels, add);
  return dataset;
}

StoredDataset stored_dataset(hid_t group, const std::string& path) {
  StoredDataset dataset;
  dataset.attributes = group_attributes(group, path);
  const auto labels = words(take_text(dataset.attributes, "coordinates"));
  const auto add = [&](Handle handle, const std::string& what, const GroupFacts& facts) {
    dataset.variables.push_back(stored_variable(std::move(handle), what, facts));
  };
  for_each_variable(group, path, {}, labels, add);
  return dataset;
}

}  // namespace lensbench
