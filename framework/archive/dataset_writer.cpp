#include <ATen/core/Tensor.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <cstdio>
#include <lensbench/error.hpp>

#include "archive/attributes.hpp"
#include "archive/dataset_io.hpp"
#include "core/names.hpp"

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::written;

constexpr std::int64_t kChunkBytes = 1 << 20;
// Float32 logits and activations shrink by a quarter at a tenth of the speed, so what is large is
// stored as it is.
constexpr std::int64_t kLargeFloatBytes = 8 << 20;

void check_attribute_name(const std::string& owner, const std::string& name) {
  static const std::set<std::string> reserved = {
      "units",        "long_name",     "coordinates", "dtype",     "holds",
      "_FillValue",   "missing_value", "valid_min",   "valid_max", "valid_range",
      "scale_factor", "add_offset",    "calendar",    "bounds",    "grid_mapping",
      "flag_values",  "flag_masks",    "_Unsigned",   "_Encoding"};
  if (!is_variable_name(name) || is_bookkeeping(name) || reserved.count(name) > 0)
    throw UsageError(owner + ": attribute '" + name +
                     "' cannot be used, readers of the archive act on it or cannot name it; choose "
                     "another name");
}

void check_units(const Variable& variable) {
  // xarray decodes these to timedelta64 and "... since ..." to dates.
  static const std::set<std::string> times = {
      "day",         "days",         "hour",       "hours",       "minute",
      "minutes",     "second",       "seconds",    "millisecond", "milliseconds",
      "microsecond", "microseconds", "nanosecond", "nanoseconds"};
  if (variable.units.empty())
    throw UsageError("variable '" + variable.name + "': has no units; a plain number has '1'");
  if (times.count(variable.units) > 0 || variable.units.find(" since ") != std::string::npos)
    throw UsageError("variable '" + variable.name + "': units '" + variable.units +
                     "' are taken for a time by xarray; use 's' or 'ms'");
}

hid_t file_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return H5T_IEEE_F32LE;
    case at::kDouble:
      return H5T_IEEE_F64LE;
    case at::kByte:
      return H5T_STD_U8LE;
    case at::kInt:
      return H5T_STD_I32LE;
    case at::kLong:
      return H5T_STD_I64LE;
    default:  // int8 and bool; Dataset::add lets nothing else in
      return H5T_STD_I8LE;
  }
}

/// Trailing axes whole, up to a megabyte.
std::vector<hsize_t> chunk_shape(const std::vector<hsize_t>& shape, std::int64_t element_bytes) {
  std::vector<hsize_t> chunk(shape.size(), 1);
  auto left = static_cast<hsize_t>(std::max<std::int64_t>(1, kChunkBytes / element_bytes));
  for (std::size_t axis = shape.size(); axis-- > 0 && left > 0;) {
    chunk[axis] = std::min(shape[axis], left);
    left /= chunk[axis];
  }
  return chunk;
}

Handle creation_properties(const std::vector<hsize_t>& shape, std::int64_t element_bytes,
                           bool compress) {
  Handle properties(written(H5Pcreate(H5P_DATASET_CREATE), "dataset properties"), H5Pclose);
  written(H5Pset_obj_track_times(properties, false), "dataset properties");
  written(H5Pset_attr_phase_change(properties, 60000, 0), "dataset properties");
  const bool empty = std::find(shape.begin(), shape.end(), hsize_t{0}) != shape.end();
  if (shape.empty() || empty) return properties;  // HDF5 cannot chunk these
  const auto chunk = chunk_shape(shape, element_bytes);
  written(H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), "chunk shape");
  if (compress) {
    written(H5Pset_shuffle(properties), "shuffle filter");
    written(H5Pset_deflate(properties, 1), "deflate filter");
  }
  written(H5Pset_fletcher32(properties), "checksum filter");
  return properties;
}

Handle create(hid_t group, const std::string& name, hid_t type, const std::vector<hsize_t>& shape,
              const Handle& properties) {
  const std::string what = "dataset '" + name + "'";
  const Handle space(
      shape.empty()
          ? written(H5Screate(H5S_SCALAR), what)
          : written(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), what),
      H5Sclose);
  return Handle(
      written(H5Dcreate2(group, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
              what),
      H5Dclose);
}

Handle write_strings(hid_t group, const std::string& name, const std::vector<std::string>& texts,
                     const std::vector<hsize_t>& shape) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  const Handle type = hdf5::string_type();
  // libhdf5 takes no filter on variable-length data; the content digests cover it.
  Handle dataset = create(group, name, type, shape, creation_properties({}, 1, false));
  if (!texts.empty())
    written(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()),
            "dataset '" + name + "'");
  return dataset;
}

Handle write_values(hid_t group, const Variable& variable) {
  const at::Tensor values = variable.tensor.contiguous();
  const std::vector<hsize_t> shape(values.sizes().begin(), values.sizes().end());
  const auto bytes = static_cast<std::int64_t>(values.nbytes());
  const bool compress = !(values.is_floating_point() && bytes >= kLargeFloatBytes);
  const hid_t type = file_type(values.scalar_type());
  Handle dataset = create(
      group, variable.name, type, shape,
      creation_properties(shape, static_cast<std::int64_t>(values.element_size()), compress));
  if (bytes > 0)
    written(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data_ptr()),
            "dataset '" + variable.name + "'");
  return dataset;
}

bool is_index(const Variable& variable) {
  return variable.dims.size() == 1 && variable.dims.front() == variable.name;
}

bool is_label(const Variable& variable) {
  return variable.coordinate && !is_index(variable);
}

/// Labels of the axes that `variable` has, `""` where there are none.
std::string labels_of(const Dataset& dataset, const Variable& variable) {
  std::string names;
  for (const Variable& label : dataset.variables()) {
    const bool applies =
        is_label(label) && label.name != variable.name &&
        std::all_of(label.dims.begin(), label.dims.end(), [&](const std::string& dim) {
          return std::find(variable.dims.begin(), variable.dims.end(), dim) != variable.dims.end();
        });
    if (applies) names += (names.empty() ? "" : " ") + label.name;
  }
  return names;
}

void describe(hid_t dataset, const Variable& variable, const std::string& labels) {
  write_attribute(dataset, "units", variable.units);
  write_attribute(dataset, "long_name",
                  variable.long_name.empty() ? variable.name : variable.long_name);
  if (!variable.is_text() && variable.tensor.scalar_type() == at::kBool)
    write_attribute(dataset, "dtype", std::string("bool"));
  if (variable.holds == Holds::token_ids)
    write_attribute(dataset, "holds", std::string("token_ids"));
  if (!labels.empty() && !variable.coordinate) write_attribute(dataset, "coordinates", labels);
  for (const auto& [name, value] : variable.attributes) {
    check_attribute_name("variable '" + variable.name + "'", name);
    write_attribute(dataset, name, value);
  }
}

/// A dimension without coordinate values, as netCDF-4 writes one.
Handle write_bare_dimension(hid_t group, const std::string& name, std::int64_t length) {
  char label[80];
  std::snprintf(label, sizeof label, "This is a netCDF dimension but not a netCDF variable. %9lld",
                static_cast<long long>(length));
  Handle dataset = create(group, name, H5T_IEEE_F32LE, {static_cast<hsize_t>(length)},
                          creation_properties({}, 4, false));
  written(H5DSset_scale(dataset, label), "dimension '" + name + "'");
  return dataset;
}

class GroupWriter {
 public:
  GroupWriter(hid_t group, const Dataset& dataset) : group_(group), dataset_(dataset) {}

  void write() {
    std::string labels;
    for (const Variable& variable : dataset_.variables()) {
      write(variable);
      if (is_label(variable)) labels += (labels.empty() ? "" : " ") + variable.name;
    }
    for (const auto& [dim, length] : dataset_.dims())
      if (!dataset_.contains(dim)) written_[dim] = write_bare_dimension(group_, dim, length);
    for (const Variable& variable : dataset_.variables()) attach_scales(variable);
    for (auto& [name, handle] : written_) handle.close_written("dataset '" + name + "'");
    if (!labels.empty()) write_attribute(group_, "coordinates", labels);
    for (const auto& [name, value] : dataset_.attributes) {
      check_attribute_name("dataset", name);
      write_attribute(group_, name, value);
    }
  }

 private:
  void write(const Variable& variable) {
    check_units(variable);
    Handle handle = variable.is_text() ? write_strings(group_, variable.name, variable.strings,
                                                       {variable.strings.size()})
                                       : write_values(group_, variable);
    describe(handle, variable, labels_of(dataset_, variable));
    if (is_index(variable))
      written(H5DSset_scale(handle, variable.name.c_str()), "dimension '" + variable.name + "'");
    written_[variable.name] = std::move(handle);
  }

  void attach_scales(const Variable& variable) {
    if (is_index(variable)) return;
    for (std::size_t axis = 0; axis < variable.dims.size(); ++axis)
      written(H5DSattach_scale(written_.at(variable.name), written_.at(variable.dims[axis]),
                               static_cast<unsigned>(axis)),
              "dimension '" + variable.dims[axis] + "' of '" + variable.name + "'");
  }

  hid_t group_;
  const Dataset& dataset_;
  std::map<std::string, Handle> written_;
};

}  // namespace

void write_dataset(hid_t group, const Dataset& dataset) {
  GroupWriter(group, dataset).write();
}

void write_text(hid_t group, const std::string& name, const std::string& text) {
  write_strings(group, name, {text}, {}).close_written("dataset '" + name + "'");
}

}  // namespace lensbench
