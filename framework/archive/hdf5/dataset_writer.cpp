#include <ATen/core/Tensor.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <cstdio>
#include <lensbench/error.hpp>

#include "archive/hdf5/attributes.hpp"
#include "archive/hdf5/dataset_io.hpp"
#include "archive/hdf5/group_writer.hpp"
#include "core/dataset/names.hpp"
#include "core/text/utf8.hpp"

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::written;

constexpr std::int64_t kChunkBytes = 1 << 20;
// Large floating-point data is stored uncompressed: compression makes float32 logits and
// activations smaller by a quarter, at a tenth of the speed.
constexpr std::int64_t kLargeFloatBytes = 8 << 20;

/// Attributes that `describe_plot` gives to a group.
const std::set<std::string>& plot_attributes() {
  static const std::set<std::string> names = {"NX_class", "signal", "axes"};
  return names;
}

void check_attribute_name(const std::string& owner, const std::string& name) {
  static const std::set<std::string> reserved = {
      "units",        "long_name",     "coordinates", "dtype",     "holds",
      "_FillValue",   "missing_value", "valid_min",   "valid_max", "valid_range",
      "scale_factor", "add_offset",    "calendar",    "bounds",    "grid_mapping",
      "flag_values",  "flag_masks",    "_Unsigned",   "_Encoding"};
  if (!is_variable_name(name) || is_bookkeeping(name) || reserved.count(name) > 0)
    throw UsageError(owner + ": attribute '" + name +
                     "' is reserved or not a valid name for readers of the archive; choose another "
                     "name");
}

void check_group_attribute_name(const std::string& name) {
  check_attribute_name("dataset", name);
  if (plot_attributes().contains(name))
    throw UsageError("dataset: attribute '" + name +
                     "' is reserved for programs that plot the archive; choose another name");
}

void check_units(const Variable& variable) {
  // xarray decodes these units to timedelta64, and units "... since ..." to dates.
  static const std::set<std::string> times = {
      "day",         "days",         "hour",       "hours",       "minute",
      "minutes",     "second",       "seconds",    "millisecond", "milliseconds",
      "microsecond", "microseconds", "nanosecond", "nanoseconds"};
  if (variable.units.empty())
    throw UsageError("variable '" + variable.name +
                     "': units are missing; use '1' for a plain number");
  if (times.count(variable.units) > 0 || variable.units.find(" since ") != std::string::npos)
    throw UsageError("variable '" + variable.name + "': xarray decodes units '" + variable.units +
                     "' as a time; use 's' or 'ms'");
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
    default:  // int8 and bool; Dataset::add refuses all other types
      return H5T_STD_I8LE;
  }
}

/// Shape of a chunk of up to a megabyte, which has as many trailing axes as possible in full
/// length.
std::vector<hsize_t> chunk_shape(const std::vector<hsize_t>& shape, std::int64_t element_bytes) {
  std::vector<hsize_t> chunk(shape.size(), 1);
  auto left = static_cast<hsize_t>(std::max<std::int64_t>(1, kChunkBytes / element_bytes));
  for (std::size_t axis = shape.size(); axis-- > 0 && left > 0;) {
    chunk[axis] = std::max<hsize_t>(1, std::min(shape[axis], left));
    left /= chunk[axis];
  }
  return chunk;
}

/// Properties of a dataset that is stored in chunks with a checksum each, if `shape` has elements;
/// otherwise it is stored in one piece.
Handle creation_properties(const std::vector<hsize_t>& shape, std::int64_t element_bytes,
                           bool compress) {
  Handle properties(written(H5Pcreate(H5P_DATASET_CREATE), "dataset properties"), H5Pclose);
  written(H5Pset_obj_track_times(properties, false), "dataset properties");
  written(H5Pset_attr_phase_change(properties, 60000, 0), "dataset properties");
  const bool empty = std::find(shape.begin(), shape.end(), hsize_t{0}) != shape.end();
  if (shape.empty() || empty) return properties;  // HDF5 does not chunk scalars and empty datasets
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

Handle create_strings(hid_t group, const std::string& name, const std::vector<hsize_t>& shape) {
  // libhdf5 does not filter variable-length data, so it is without a checksum here; the content
  // digests cover it.
  return create(group, name, hdf5::string_type(), shape, creation_properties({}, 1, false));
}

Handle create_numbers(hid_t group, const Variable& variable, at::ScalarType type,
                      const std::vector<hsize_t>& shape) {
  auto bytes = static_cast<std::int64_t>(c10::elementSize(type));
  for (const hsize_t length : shape) bytes *= static_cast<std::int64_t>(length);
  // Values widened from a half type compress well, because their low bits are 0.
  const bool full_width = at::isFloatingType(type) && !variable.attributes.contains("source_dtype");
  const bool compress = !(full_width && bytes >= kLargeFloatBytes);
  const auto element_bytes = static_cast<std::int64_t>(c10::elementSize(type));
  return create(group, variable.name, file_type(type), shape,
                creation_properties(shape, element_bytes, compress));
}

/// Selects `count` elements from `start`; everything in a dataset without axes.
Handle select(hid_t dataset, const std::vector<hsize_t>& start, const std::vector<hsize_t>& count,
              const std::string& what) {
  Handle space(written(H5Dget_space(dataset), what), H5Sclose);
  if (!count.empty())
    written(
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
        what);
  return space;
}

/// Writes the values of `piece` from row `first` of `axis` on.
void write_piece(hid_t dataset, const Variable& piece, std::int64_t axis, std::int64_t first) {
  const std::string what = "dataset '" + piece.name + "'";
  const auto lengths = piece.shape();
  const std::vector<hsize_t> count(lengths.begin(), lengths.end());
  if (std::find(count.begin(), count.end(), hsize_t{0}) != count.end()) return;
  std::vector<hsize_t> start(count.size(), 0);
  if (!start.empty()) start[static_cast<std::size_t>(axis)] = static_cast<hsize_t>(first);
  const Handle space = select(dataset, start, count, what);
  const Handle memory(
      count.empty()
          ? written(H5Screate(H5S_SCALAR), what)
          : written(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), what),
      H5Sclose);
  if (piece.is_text()) {
    std::vector<const char*> pointers;
    for (const std::string& text : piece.strings) pointers.push_back(text.c_str());
    written(H5Dwrite(dataset, hdf5::string_type(), memory, space,
                     hdf5::string_transfer(pointers.size()), pointers.data()),
            what);
    return;
  }
  const at::Tensor values = piece.tensor.contiguous();
  written(H5Dwrite(dataset, file_type(values.scalar_type()), memory, space, H5P_DEFAULT,
                   values.data_ptr()),
          what);
}

bool is_index(const Variable& variable) {
  return variable.dims.size() == 1 && variable.dims.front() == variable.name;
}

bool is_label(const Variable& variable) {
  return variable.coordinate && !is_index(variable);
}

/// Checks that the attributes of one object fit into its header. Numbers and the places of texts
/// are in the header, texts themselves are not.
void check_attributes_fit(const std::string& owner,
                          const std::map<std::string, Attribute>& attributes) {
  constexpr std::size_t kMostBytes = 60'000, kBytes = 64, kTextBytes = 16;
  std::size_t bytes = 0;
  for (const auto& [name, value] : attributes) {
    check_attribute(name, value);
    const auto* texts = std::get_if<std::vector<std::string>>(&value);
    bytes += kBytes + name.size() + kTextBytes * (texts == nullptr ? 1 : texts->size());
  }
  if (bytes > kMostBytes)
    throw UsageError(owner + ": its " + std::to_string(attributes.size()) +
                     " attributes are too large together; use variables instead");
}

void check_receipt(const Receipt& receipt) {
  for (const std::string* text : {&receipt.name, &receipt.note})
    if (!is_storable_text(*text))
      throw UsageError("receipt '" + receipt.name +
                       "': its name or note is not valid UTF-8 without NUL");
}

/// Names of the variables that label axes of `variable`; empty without such variables.
std::string labels_of(const std::vector<Variable>& all, const Variable& variable) {
  std::string names;
  for (const Variable& label : all) {
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

/// Writes a dimension without coordinate values, in the form of netCDF-4.
Handle write_bare_dimension(hid_t group, const std::string& name, std::int64_t length) {
  const std::string label = bare_dimension_label(length);
  Handle dataset = create(group, name, H5T_IEEE_F32LE, {static_cast<hsize_t>(length)},
                          creation_properties({}, 4, false));
  written(H5DSset_scale(dataset, label.c_str()), "dimension '" + name + "'");
  return dataset;
}

}  // namespace

std::int64_t chunk_rows(const std::vector<std::int64_t>& shape, std::int64_t axis,
                        std::int64_t element_bytes) {
  const std::vector<hsize_t> lengths(shape.begin(), shape.end());
  return static_cast<std::int64_t>(
      chunk_shape(lengths, element_bytes)[static_cast<std::size_t>(axis)]);
}

GroupWriter::~GroupWriter() = default;

void GroupWriter::create(const Variable& variable, bool is_text, at::ScalarType type,
                         const std::vector<std::int64_t>& shape,
                         const std::vector<Variable>& labels) {
  check_units(variable);
  const std::vector<hsize_t> lengths(shape.begin(), shape.end());
  Handle handle = is_text ? create_strings(group_, variable.name, lengths)
                          : create_numbers(group_, variable, type, lengths);
  describe(handle, variable, labels_of(labels, variable));
  if (is_index(variable)) {
    written(H5DSset_scale(handle, variable.name.c_str()), "dimension '" + variable.name + "'");
    scales_.insert(variable.name);
  }
  if (is_label(variable)) label_names_ += (label_names_.empty() ? "" : " ") + variable.name;
  if (!variable.coordinate && (!signal_ || (signal_->is_text && !is_text)))
    signal_ = Signal{variable.name, variable.dims, is_text};
  created_.push_back({variable.name, variable.dims, shape});
  open_[variable.name] = std::move(handle);
}

void GroupWriter::write(const Variable& piece, std::int64_t axis, std::int64_t first) {
  write_piece(open_.at(piece.name), piece, axis, first);
}

void GroupWriter::attach_scales() {
  for (const Created& variable : created_)
    for (std::size_t axis = 0; axis < variable.dims.size(); ++axis)
      if (scales_.insert(variable.dims[axis]).second) {
        bare_.insert(variable.dims[axis]);
        write_bare_dimension(group_, variable.dims[axis], variable.shape[axis])
            .close_written("dimension '" + variable.dims[axis] + "'");
      }
  for (const Created& variable : created_) {
    if (variable.dims == std::vector<std::string>{variable.name}) continue;
    for (std::size_t axis = 0; axis < variable.dims.size(); ++axis) {
      const std::string& dim = variable.dims[axis];
      const std::string what = "dimension '" + dim + "' of '" + variable.name + "'";
      const Handle scale(written(H5Dopen2(group_, dim.c_str(), H5P_DEFAULT), what), H5Dclose);
      written(H5DSattach_scale(open_.at(variable.name), scale, static_cast<unsigned>(axis)), what);
    }
  }
  created_.clear();
}

void GroupWriter::close(const std::string& name) {
  open_.at(name).close_written("dataset '" + name + "'");
  open_.erase(name);
}

void GroupWriter::finish(const std::map<std::string, Attribute>& attributes) {
  for (auto& [name, handle] : open_) handle.close_written("dataset '" + name + "'");
  open_.clear();
  if (!label_names_.empty()) write_attribute(group_, "coordinates", label_names_);
  for (const auto& [name, value] : attributes) {
    check_group_attribute_name(name);
    write_attribute(group_, name, value);
  }
}

void GroupWriter::describe_plot() {
  if (!signal_) return;
  write_attribute(group_, "NX_class", std::string("NXdata"));
  write_attribute(group_, "signal", signal_->name);
  if (signal_->dims.empty()) return;
  std::vector<std::string> axes;
  for (const std::string& dim : signal_->dims) axes.push_back(bare_.contains(dim) ? "." : dim);
  write_attribute(group_, "axes", axes);
}

namespace {

void write_variables(GroupWriter& writer, const Dataset& dataset) {
  for (const Variable& variable : dataset.variables()) {
    const auto type = variable.is_text() ? at::kByte : variable.tensor.scalar_type();
    writer.create(variable, variable.is_text(), type, variable.shape(), dataset.variables());
    writer.write(variable, 0, 0);
  }
  writer.attach_scales();
  writer.finish(dataset.attributes);
}

}  // namespace

void write_dataset(hid_t group, const Dataset& dataset) {
  GroupWriter writer(group);
  write_variables(writer, dataset);
}

void check_storable(const Dataset& dataset) {
  for (const Variable& variable : dataset.variables()) {
    const std::string subject = "variable '" + variable.name + "'";
    check_units(variable);
    if (variable.dims.size() > kMaxAxes)
      throw UsageError(subject + ": has " + std::to_string(variable.dims.size()) +
                       " axes, at most " + std::to_string(kMaxAxes) + " are allowed");
    for (const std::string* text : {&variable.units, &variable.long_name})
      if (!is_storable_text(*text))
        throw UsageError(subject + ": its units or description are not valid UTF-8 without NUL");
    for (const auto& [name, value] : variable.attributes) check_attribute_name(subject, name);
    check_attributes_fit(subject, variable.attributes);
  }
  for (const auto& [name, value] : dataset.attributes) check_group_attribute_name(name);
  check_attributes_fit("dataset", dataset.attributes);
  for (const Receipt& receipt : dataset.receipts) check_receipt(receipt);
}

void write_result(hid_t group, const Dataset& dataset) {
  GroupWriter writer(group);
  write_variables(writer, dataset);
  writer.describe_plot();
}

void write_text(hid_t group, const std::string& name, const std::string& text) {
  Handle dataset = create_strings(group, name, {});
  const char* pointer = text.c_str();
  written(
      H5Dwrite(dataset, hdf5::string_type(), H5S_ALL, H5S_ALL, hdf5::string_transfer(1), &pointer),
      "dataset '" + name + "'");
  dataset.close_written("dataset '" + name + "'");
}

}  // namespace lensbench
