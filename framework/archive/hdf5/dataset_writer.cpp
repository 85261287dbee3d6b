#include <ATen/core/Tensor.h>
#include <hdf5_hl.h>

#include <algorithm>

#include "archive/hdf5/attributes.hpp"
#include "archive/hdf5/dataset_io.hpp"
#include "archive/hdf5/group_writer.hpp"
#include "archive/hdf5/new_dataset.hpp"
#include "archive/hdf5/storable.hpp"

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::written;

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

void write_strings(hid_t dataset, const std::vector<std::string>& texts, hid_t memory, hid_t space,
                   const std::string& what) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size());
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  written(H5Dwrite(dataset, hdf5::string_type(), memory, space,
                   hdf5::string_transfer(pointers.size()), pointers.data()),
          what);
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
  const Handle memory = space_of(count, what);
  if (piece.is_text()) return write_strings(dataset, piece.strings, memory, space, what);
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

}  // namespace

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
