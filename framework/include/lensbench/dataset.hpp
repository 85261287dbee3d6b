#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lensbench {

/// Metadata value of a dataset or of one variable.
using Attribute = std::variant<std::int64_t, double, std::string, std::vector<std::string>>;

/// Meaning of the integers of a variable.
enum class Holds {
  numbers,
  token_ids,  ///< ids of the model's vocabulary; the archive stores their texts in `/vocabulary`
};

/// One named array with named dimensions, after xarray's model.
///
/// Exactly one of `tensor` and `strings` is used. A variable with the name of its only dimension
/// has the coordinate values of that dimension.
struct Variable {
  std::string name = {};  ///< [A-Za-z][A-Za-z0-9_.]*, unique in its dataset ignoring case
  std::vector<std::string> dims = {};  ///< one name per axis, all different; empty for a scalar
  at::Tensor tensor = {};  ///< float32/float64/int8/uint8/int32/int64/bool (half types widen)
  std::vector<std::string> strings = {};  ///< valid UTF-8 without NUL; one dimension
  std::string units = "1";                ///< `nats`, `1`, `bytes`, `s`; never empty
  /// Description in one line. Missing values are NaN, for a reason that this line gives:
  /// `surprisal (NaN: first token)`. The bench refuses NaN without such a reason.
  std::string long_name = {};
  bool coordinate = false;       ///< labels an axis (`case`, `position`, `input_token` of `token`)
  Holds holds = Holds::numbers;  ///< meaning of integers
  std::map<std::string, Attribute> attributes = {};  ///< stored in the archive

  /// True if the values are `strings`, not `tensor`.
  bool is_text() const { return !tensor.defined(); }
  /// Lengths of the axes, in the order of `dims`.
  LENSBENCH_API std::vector<std::int64_t> shape() const;
};

/// Result of a check made while a tool computed a dataset. A failed check marks the dataset.
struct Receipt {
  std::string name;      ///< `lens_last_layer_equals_logits`
  double value = 0;      ///< measured value
  double tolerance = 0;  ///< largest value that passes
  bool passed = false;   ///< value <= tolerance
  std::string note;      ///< reason for the tolerance, or what was not checked
};

/// Makes a receipt that is passed if value <= tolerance; NaN fails.
LENSBENCH_API Receipt make_receipt(std::string name, double value, double tolerance,
                                   std::string note = "");

/// Whether `a` is more severe than `b`: failed before passed, NaN before numbers, then by the
/// excess of the value over the tolerance.
LENSBENCH_API bool is_worse(const Receipt& a, const Receipt& b);

/// A set of variables that share named dimensions. Every tool returns one; an archive stores it
/// without loss. A value type whose copies share tensors.
class LENSBENCH_API Dataset {
 public:
  /// Adds a variable, moved to the CPU and made contiguous.
  /// \throws UsageError for an invalid or repeated name, a repeated dimension, a dimension whose
  ///   length differs from that in the dataset, an element type that `Variable::tensor` does not
  ///   list, or invalid UTF-8.
  Dataset& add(Variable variable);

  /// Adds a variable of numbers: short form of `add(Variable)` without further fields.
  /// \param name       see `Variable::name`
  /// \param dims       one name per axis of `values`
  /// \param values     the numbers
  /// \param units      `nats`, `1`, `bytes`, `s`; never empty
  /// \param long_name  description in one line, with the meaning of NaN if values may be NaN
  /// \param holds      meaning of integers
  /// \throws UsageError under the conditions of `add(Variable)`
  Dataset& add(std::string name, std::vector<std::string> dims, at::Tensor values,
               std::string units, std::string long_name, Holds holds = Holds::numbers);
  /// Adds a variable of texts over one dimension.
  /// \param name       see `Variable::name`
  /// \param dim        name of the dimension
  /// \param values     valid UTF-8 without NUL
  /// \param long_name  description in one line
  /// \throws UsageError under the conditions of `add(Variable)`
  Dataset& add(std::string name, std::string dim, std::vector<std::string> values,
               std::string long_name);

  /// Adds numbers as the coordinate of dimension `name`.
  Dataset& add_coordinate(const std::string& name, at::Tensor values, std::string long_name = "");
  /// Adds labels as the coordinate of dimension `name`.
  Dataset& add_coordinate(const std::string& name, std::vector<std::string> values,
                          std::string long_name = "");

  /// Sets an attribute of a variable. \throws UsageError under the conditions of `operator[]`
  Dataset& set_attribute(const std::string& variable, const std::string& name, Attribute value);

  /// Whether the dataset has a variable of that name.
  bool contains(const std::string& name) const;
  /// The variable of that name. \throws UsageError with the names of all variables if it is missing
  const Variable& operator[](const std::string& name) const;
  /// All variables in the order of their addition.
  const std::vector<Variable>& variables() const { return variables_; }
  /// Name and length of each dimension, in the order of first use.
  const std::vector<std::pair<std::string, std::int64_t>>& dims() const { return dims_; }
  /// Length of one dimension. \throws UsageError if the dataset does not have it
  std::int64_t dim(const std::string& name) const;

  std::map<std::string, Attribute>
      attributes;                 ///< attributes of the dataset, stored in the archive
  std::vector<Receipt> receipts;  ///< results of checks

 private:
  std::vector<Variable> variables_;
  std::vector<std::pair<std::string, std::int64_t>> dims_;
};

/// Adds the token axis that every tool uses: coordinates `token` (0..n-1), `case` (0), `position`,
/// `input_id`, `input_token`. The runner renumbers `token` and `case` when cases are joined.
/// \param dataset         dataset to extend
/// \param ids             token ids, one per position
/// \param texts           display text of each id
/// \param first_position  position of the first id in the sequence
LENSBENCH_API void add_token_axis(Dataset& dataset, const std::vector<std::int64_t>& ids,
                                  const std::vector<std::string>& texts,
                                  std::int64_t first_position = 0);

/// Adds the layer axis: `layer` 0..n_layers and `layer_label` (`embed`, `0_resid_post`, …).
LENSBENCH_API void add_layer_axis(Dataset& dataset, std::int64_t n_layers);

}  // namespace lensbench
