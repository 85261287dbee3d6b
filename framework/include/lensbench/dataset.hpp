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

/// A value beside the data: of a dataset or of one variable.
using Attribute = std::variant<std::int64_t, double, std::string, std::vector<std::string>>;

/// What the integers of a variable are, where that matters to a reader.
enum class Holds {
  numbers,
  token_ids,  ///< ids of the model's vocabulary; their texts are added to the archive's
              ///< `/vocabulary`
};

/// One named array with named dimensions, after xarray's model.
///
/// Exactly one of `tensor` and `strings` is used. A variable named as its only dimension holds that
/// dimension's coordinate values.
struct Variable {
  std::string name = {};  ///< [A-Za-z][A-Za-z0-9_.]*, unique in its dataset ignoring case
  std::vector<std::string> dims = {};  ///< one name per axis, all different; empty for a scalar
  at::Tensor tensor = {};  ///< float32/float64/int8/uint8/int32/int64/bool (half types widen)
  std::vector<std::string> strings = {};  ///< valid UTF-8 without NUL; one dimension
  std::string units = "1";                ///< `nats`, `1`, `bytes`, `s`; never empty
  /// One line for a reader. Values that are not there are NaN, and this line says why:
  /// `surprisal (NaN: first token)`. The bench refuses a NaN that is not announced so.
  std::string long_name = {};
  bool coordinate = false;       ///< labels an axis (`case`, `position`, `input_token` of `token`)
  Holds holds = Holds::numbers;  ///< what integers are
  std::map<std::string, Attribute> attributes = {};  ///< kept in the archive

  /// True if `strings` is what counts.
  bool is_text() const { return !tensor.defined(); }
  /// Lengths of the axes, in the order of `dims`.
  LENSBENCH_API std::vector<std::int64_t> shape() const;
};

/// A fact that was checked while a result was made. A failed one marks the result.
struct Receipt {
  std::string name;      ///< `lens_last_layer_equals_logits`
  double value = 0;      ///< what was measured
  double tolerance = 0;  ///< the most it may be
  bool passed = false;   ///< value <= tolerance
  std::string note;      ///< why this tolerance, or what was skipped
};

/// `passed` is value <= tolerance; a NaN fails.
LENSBENCH_API Receipt make_receipt(std::string name, double value, double tolerance,
                                   std::string note = "");

/// True if `a` says worse news than `b`: failed before passed, NaN before numbers, then by how far
/// the value lies above the tolerance.
LENSBENCH_API bool is_worse(const Receipt& a, const Receipt& b);

/// A set of variables that share named dimensions. Every tool returns one; an archive stores it
/// without loss. A plain value: copies share tensors.
class LENSBENCH_API Dataset {
 public:
  /// Adds a variable, moved to the CPU and made contiguous.
  /// \throws UsageError for a bad or repeated name, a repeated dimension, a dimension whose length
  ///   differs from what it has here, an element type that is not listed above, invalid UTF-8.
  Dataset& add(Variable variable);

  /// Adds a variable of numbers; short for `add(Variable)` where nothing else is set.
  /// \param name       see `Variable::name`
  /// \param dims       one name per axis of `values`
  /// \param values     the numbers
  /// \param units      `nats`, `1`, `bytes`, `s`; never empty
  /// \param long_name  one line for a reader, which says what NaN means where there may be one
  /// \param holds      what integers are
  /// \throws UsageError as `add(Variable)`
  Dataset& add(std::string name, std::vector<std::string> dims, at::Tensor values,
               std::string units, std::string long_name, Holds holds = Holds::numbers);
  /// Adds a variable of texts over one dimension.
  /// \param name       see `Variable::name`
  /// \param dim        name of its dimension
  /// \param values     valid UTF-8 without NUL
  /// \param long_name  one line for a reader
  /// \throws UsageError as `add(Variable)`
  Dataset& add(std::string name, std::string dim, std::vector<std::string> values,
               std::string long_name);

  /// Adds the coordinate of dimension `name`.
  Dataset& add_coordinate(const std::string& name, at::Tensor values, std::string long_name = "");
  /// The same with labels.
  Dataset& add_coordinate(const std::string& name, std::vector<std::string> values,
                          std::string long_name = "");

  /// True if there is a variable of that name.
  bool contains(const std::string& name) const;
  /// \throws UsageError naming the variables there are.
  const Variable& operator[](const std::string& name) const;
  /// In the order they were added.
  const std::vector<Variable>& variables() const { return variables_; }
  /// Length of each dimension, in the order first seen.
  const std::vector<std::pair<std::string, std::int64_t>>& dims() const { return dims_; }
  /// Length of one dimension. \throws UsageError if there is none of that name.
  std::int64_t dim(const std::string& name) const;

  std::map<std::string, Attribute> attributes;  ///< of the whole dataset, kept in the archive
  std::vector<Receipt> receipts;                ///< facts that were checked

 private:
  std::vector<Variable> variables_;
  std::vector<std::pair<std::string, std::int64_t>> dims_;
};

/// Adds the token axis every tool uses: coordinates `token` (0..n-1), `case` (0), `position`,
/// `input_id`, `input_token`. The runner renumbers `token` and `case` when cases are joined.
/// \param dataset         what gets the axis
/// \param ids             token ids, one a position
/// \param texts           their display texts, as many
/// \param first_position  position of the first of them
LENSBENCH_API void add_token_axis(Dataset& dataset, const std::vector<std::int64_t>& ids,
                                  const std::vector<std::string>& texts,
                                  std::int64_t first_position = 0);

/// Adds the layer axis: `layer` 0..n_layers and `layer_label` (`embed`, `0_resid_post`, …).
LENSBENCH_API void add_layer_axis(Dataset& dataset, std::int64_t n_layers);

/// Joins the datasets that one experiment saved under one name, in case order (CF contiguous ragged
/// form). A joined dataset loses nothing:
/// - A variable with `token` is concatenated along it; `token` is renumbered and `case(token)` says
///   the case number. A variable with a `case` dimension is concatenated along that.
/// - A coordinate of another axis that is equal in all cases stays as it is.
/// - Any other variable gets a leading `case` dimension, with coordinates `case` and `case_id`;
///   where `case(token)` has that name already, the dimension is called `case_number`.
/// - What lies on an axis whose length or coordinates differ between cases (attention patterns)
///   stays one variable a case: `<name>_case<i>` on dimensions `<dim>_case<i>`.
/// - A dataset attribute that differs between cases becomes a variable of that name over cases.
///
/// Receipts keep the worst of each name.
/// \param parts         what the cases saved, in order
/// \param case_numbers  number of each part's case, as many as `parts`
/// \param case_ids      id of each part's case, as many
/// \throws UsageError where parts disagree in variables, their element types, dimensions, units or
///   attributes (see `check_joinable`)
LENSBENCH_API Dataset join_cases(const std::vector<Dataset>& parts,
                                 const std::vector<std::int64_t>& case_numbers,
                                 const std::vector<std::string>& case_ids);

/// Checks that two datasets can be parts of one: the same variables, and for each the same kind,
/// element type, dimension names, units, description and attributes.
/// \throws UsageError naming the variable and the difference
LENSBENCH_API void check_joinable(const Dataset& first, const Dataset& other);

}  // namespace lensbench
