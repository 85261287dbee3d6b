#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "archive/hdf5/dataset_io.hpp"
#include "archive/hdf5/hdf5.hpp"

namespace lensbench {

/// Writes a group as `write_dataset` does, a variable in pieces where it is never in memory whole:
/// `create` variables, `attach_scales` once all dimensions of those created are known, `write`
/// their values, `finish`.
class GroupWriter {
 public:
  explicit GroupWriter(hid_t group, Checks checks = Checks::per_chunk)
      : group_(group), checks_(checks) {}
  ~GroupWriter();

  /// \param variable  all but its values
  /// \param shape     of the whole variable
  /// \param labels    variables among which those are named that label the axes of this one
  void create(const Variable& variable, bool is_text, at::ScalarType type,
              const std::vector<std::int64_t>& shape, const std::vector<Variable>& labels);
  /// Gives every axis of the variables created since the last call its dimension scale.
  void attach_scales();
  /// Writes values of an open variable from row `first` of `axis` on.
  void write(const Variable& piece, std::int64_t axis, std::int64_t first);
  /// No more will be written of this variable.
  void close(const std::string& name);
  void finish(const std::map<std::string, Attribute>& attributes);

 private:
  struct Created {
    std::string name;
    std::vector<std::string> dims;
    std::vector<std::int64_t> shape;
  };

  hid_t group_;
  Checks checks_;
  std::map<std::string, hdf5::Handle> open_;
  std::vector<Created> created_;
  std::set<std::string> scales_;
  std::string label_names_;
};

/// Rows along `axis` that one chunk of such a variable holds.
std::int64_t chunk_rows(const std::vector<std::int64_t>& shape, std::int64_t axis,
                        std::int64_t element_bytes);

}  // namespace lensbench
