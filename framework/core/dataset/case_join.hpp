#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace lensbench {

/// Description of one variable of a joined dataset, complete before its values are.
struct JoinedVariable {
  /// Source of the values.
  enum class Source {
    pieces,  ///< pieces of the parts, concatenated in order along `axis`
    known,   ///< `variable` has them
    apart,   ///< each part keeps a variable of its own, with the name and shape of its piece
  };
  Source source = Source::pieces;
  Variable variable;  ///< has values only for `Source::known`
  std::int64_t axis = 0;
  std::vector<std::int64_t> shape;  ///< shape after joining; empty for `apart`
  at::ScalarType type = at::kFloat;
  bool is_text = false;
};

/// Joins datasets without holding them in memory together; `join_cases` describes the result. Call
/// `scan` for every part in order, then `finish`, then `pieces` for every part in order again. The
/// memory per part is a few numbers.
class CaseJoin {
 public:
  /// \throws UsageError under the conditions of `check_joinable`
  void scan(const Dataset& part, std::int64_t number, const std::string& id);
  void finish();

  const std::vector<JoinedVariable>& variables() const { return variables_; }
  const std::map<std::string, Attribute>& attributes() const { return attributes_; }
  const std::vector<Receipt>& receipts() const { return receipts_; }

  /// Receives one part's piece of `variables()[i]`.
  using Take = std::function<void(std::size_t i, Variable piece)>;
  /// Passes all pieces of a part to `take`.
  /// \param index  number of the part, from 0 in the order of `scan`
  void pieces(std::size_t index, const Dataset& part, const Take& take) const;

 private:
  struct Part {
    std::int64_t number;
    std::string id;
    std::vector<std::int64_t> lengths;  ///< one per dimension of the first part
    std::int64_t first_token;           ///< row of this part's first token
  };

  std::int64_t length(const Part& part, const std::string& dim) const;
  std::int64_t total(const std::string& dim) const;
  bool varies(const Variable& variable) const;
  void note_differences(const Dataset& part);
  void note_attributes(const Dataset& part);
  void note_receipts(const Dataset& part);
  bool knows(const std::string& name) const;
  void add(Variable variable, JoinedVariable::Source source, std::int64_t axis,
           std::vector<std::int64_t> shape);
  void add_token_rows();
  void add_of_parts(const Variable& variable);
  void add_concatenated(const Variable& variable, const std::string& dim);
  void add_case_axis();
  void add_attributes();
  void add_attribute_over_cases(const std::string& name);
  std::optional<Variable> piece_of(const JoinedVariable& joined, std::size_t index,
                                   const Dataset& part) const;
  Variable apart(const Variable& own, std::int64_t number) const;

  Dataset first_;
  std::vector<Part> parts_;
  std::set<std::string> varying_;
  /// Attribute name -> values in the parts scanned so far; a single value if all parts agree.
  std::map<std::string, std::vector<std::optional<Attribute>>> part_attributes_;
  bool has_cases_ = false, case_axis_used_ = false;
  std::string row_dim_;  ///< axis of tokens, `token` or `image_token`; empty if there is none
  std::string case_dim_;

  std::vector<JoinedVariable> variables_;
  std::map<std::string, Attribute> attributes_;
  std::vector<Receipt> receipts_;
};

}  // namespace lensbench
