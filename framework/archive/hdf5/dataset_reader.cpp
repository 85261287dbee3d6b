#include <ATen/ATen.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <cstring>
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

constexpr int kMaxRank = static_cast<int>(kMaxAxes);

std::string last_component(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

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

/// Checks that the label of a dimension scale is the one that the writer gives it: digests do not
/// cover the label.
void check_scale(hid_t dataset, const std::string& path, const std::vector<hsize_t>& lengths) {
  char label[128] = {};
  readable(static_cast<hid_t>(H5DSget_scale_name(dataset, label, sizeof label)), path);
  const std::string name = last_component(path);
  if (lengths.size() != 1 ||
      (label != name && label != bare_dimension_label(static_cast<std::int64_t>(lengths[0]))))
    throw InputError(path + ": not a valid dimension of an archive: its label is '" +
                     std::string(label) + "'");
}

/// Address of the first scale of each axis; HADDR_UNDEF for an axis without one. The attribute is
/// read once for all axes, since H5DSiterate_scales reads it and opens the scale for each axis. The
/// value of an object reference is the address of the object.
std::vector<haddr_t> scale_addresses(hid_t dataset, const std::string& path, std::size_t axes) {
  std::vector<haddr_t> addresses(axes, HADDR_UNDEF);
  if (axes == 0 || readable(H5Aexists(dataset, DIMENSION_LIST), path) == 0) return addresses;
  const std::string what = path + "@" + DIMENSION_LIST;
  const Handle list(readable(H5Aopen(dataset, DIMENSION_LIST, H5P_DEFAULT), what), H5Aclose);
  const Handle stored(readable(H5Aget_type(list), what), H5Tclose);
  const Handle space(readable(H5Aget_space(list), what), H5Sclose);
  // The list has references of one exact type; another type of the same name would be converted.
  const Handle type(readable(H5Tvlen_create(H5T_STD_REF_OBJ), what), H5Tclose);
  if (readable(H5Tequal(stored, type), what) == 0 ||
      H5Sget_simple_extent_npoints(space) != static_cast<hssize_t>(axes))
    throw InputError(what + ": expected a list of dimension scales for each axis");
  std::vector<hvl_t> scales(axes);
  readable(H5Aread(list, type, scales.data()), what);
  // One scale per axis is what the writer attaches; further ones are ignored.
  for (std::size_t axis = 0; axis < axes; ++axis)
    if (scales[axis].len > 0) {
      hobj_ref_t reference = 0;
      std::memcpy(&reference, scales[axis].p, sizeof reference);
      addresses[axis] = reference;
    }
  // The memory of the lists was allocated by libhdf5.
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, scales.data());
  return addresses;
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

}  // namespace

std::vector<hsize_t> extent(hid_t dataset, const std::string& path) {
  const Handle space(readable(H5Dget_space(dataset), path), H5Sclose);
  const auto rank = readable(H5Sget_simple_extent_ndims(space), path);
  // The length of the arrays for shapes and selections is limited before it is used.
  if (rank > kMaxRank)
    throw InputError(path + ": too many axes (" + std::to_string(rank) + ", at most " +
                     std::to_string(kMaxRank) + " are allowed in a lensbench archive)");
  std::vector<hsize_t> lengths(static_cast<std::size_t>(rank));
  readable(H5Sget_simple_extent_dims(space, lengths.data(), nullptr), path);
  return lengths;
}

std::string bare_dimension_label(std::int64_t length) {
  char label[80];
  // The text and the width of the number are those of the netCDF-4 library, by which its readers
  // recognise a dimension without values.
  std::snprintf(label, sizeof label, "This is a netCDF dimension but not a netCDF variable. %9lld",
                static_cast<long long>(length));
  return label;
}

bool is_bare_dimension(hid_t dataset) {
  if (H5DSis_scale(dataset) <= 0) return false;
  char label[64] = {};
  const std::string expected = "This is a netCDF dimension but not a netCDF variable";
  return H5DSget_scale_name(dataset, label, sizeof label) > 0 &&
         std::string(label).rfind(expected, 0) == 0;
}

// Members are found by address, because a scale is referred to by its address.
Dimensions::Dimensions(const std::vector<hdf5::Child>& members) {
  for (const hdf5::Child& member : members) members_[member.address] = member.name;
}

std::vector<std::string> Dimensions::names(hid_t dataset, const std::string& path) const {
  const auto lengths = extent(dataset, path);
  // A dimension scale does not have scales of its own; its axis has its own name.
  if (readable(H5DSis_scale(dataset), path) > 0) {
    check_scale(dataset, path, lengths);
    return {last_component(path)};
  }
  const std::vector<haddr_t> addresses = scale_addresses(dataset, path, lengths.size());
  std::vector<std::string> names;
  for (std::size_t axis = 0; axis < lengths.size(); ++axis) {
    if (addresses[axis] == HADDR_UNDEF)
      throw InputError(path + ": axis " + std::to_string(axis) + " is without a dimension scale");
    const auto scale = members_.find(addresses[axis]);
    if (scale == members_.end())
      throw InputError(path + ": axis " + std::to_string(axis) +
                       " has its dimension scale in another group; expected one in the same group");
    names.push_back(scale->second);
  }
  return names;
}

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
    std::vector<char*> pointers(static_cast<std::size_t>(count));
    readable(H5Dread(dataset, type, memory, space, transfer, pointers.data()), path);
    // A file can store a null pointer as text; a std::string must not be made from it.
    const bool whole = std::find(pointers.begin(), pointers.end(), nullptr) == pointers.end();
    if (whole)
      for (const char* pointer : pointers) use(pointer);
    H5Dvlen_reclaim(type, memory, H5P_DEFAULT, pointers.data());
    if (!whole) throw InputError(path + ": null strings are not allowed in a lensbench archive");
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

namespace {

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
