#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archive/hdf5/dataset_io.hpp"
#include "archive/hdf5/hdf5.hpp"

namespace lensbench {

/// Writes a group in the form of `write_dataset`, with variables in pieces, so that they are never
/// in memory as a whole. Order of calls: `create` for the variables, `attach_scales` when all their
/// dimensions are created, `write` for their values, `finish`.
class GroupWriter {
 public:
  explicit GroupWriter(hid_t group) : group_(group) {}
  ~GroupWriter();

  /// Creates a variable without values.
  /// \param variable  the variable without its values
  /// \param shape     shape of the whole variable
  /// \param labels    variables of the group, some of which may label axes of this variable
  void create(const Variable& variable, bool is_text, at::ScalarType type,
              const std::vector<std::int64_t>& shape, const std::vector<Variable>& labels);
  /// Attaches a dimension scale to every axis of the variables created since the last call.
  void attach_scales();
  /// Writes values of an open variable, beginning at row `first` of `axis`.
  void write(const Variable& piece, std::int64_t axis, std::int64_t first);
  /// Closes a variable whose values are complete.
  void close(const std::string& name);
  void finish(const std::map<std::string, Attribute>& attributes);
  /// Writes the attributes of an NXdata group of the NeXus convention, with which programs plot it:
  /// `signal` is the first variable of numbers that is not a coordinate (else the first of text),
  /// `axes` its dimensions, `.` for one without coordinate values. A group without such a variable
  /// gets no attribute.
  void describe_plot();

 private:
  struct Created {
    std::string name;
    std::vector<std::string> dims;
    std::vector<std::int64_t> shape;
  };
  /// A variable that can be plotted.
  struct Signal {
    std::string name;
    std::vector<std::string> dims;
    bool is_text = false;
  };

  hid_t group_;
  std::map<std::string, hdf5::Handle> open_;
  std::vector<Created> created_;
  std::set<std::string> scales_;  ///< dimensions that have a scale
  std::set<std::string> bare_;    ///< those of them without coordinate values
  std::optional<Signal> signal_;
  std::string label_names_;
};

/// Number of rows along `axis` in one chunk of a variable of this shape.
std::int64_t chunk_rows(const std::vector<std::int64_t>& shape, std::int64_t axis,
                        std::int64_t element_bytes);

}  // namespace lensbench
