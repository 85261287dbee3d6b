#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace lensbench {

/// One variable of a joined dataset before its values are there.
struct JoinedVariable {
  /// From the parts in order, along `axis`; known already; or each part's own, in variables named
  /// and shaped as their pieces are.
  enum class Source { pieces, known, apart };
  Source source = Source::pieces;
  Variable variable;  ///< values only where they are known
  std::int64_t axis = 0;
  std::vector<std::int64_t> shape;  ///< of the whole; empty for `apart`
  at::ScalarType type = at::kFloat;
  bool is_text = false;
};

/// Joins datasets that are never in memory together (see `join_cases` for what becomes of each
/// variable): `scan` every part in order, `finish`, then `pieces` of every part in order again.
/// Keeps a few numbers a part.
class LENSBENCH_API CaseJoin {
 public:
  /// \throws UsageError as `check_joinable`
  void scan(const Dataset& part, std::int64_t number, const std::string& id);
  void finish();

  const std::vector<JoinedVariable>& variables() const { return variables_; }
  const std::map<std::string, Attribute>& attributes() const { return attributes_; }
  const std::vector<Receipt>& receipts() const { return receipts_; }

  /// Takes what part `index` (counted from 0 in the order of `scan`) adds to `variables()[i]`.
  using Take = std::function<void(std::size_t i, Variable piece)>;
  void pieces(std::size_t index, const Dataset& part, const Take& take) const;

 private:
  struct Part {
    std::int64_t number;
    std::string id;
    std::vector<std::int64_t> lengths;  ///< of the first part's dimensions
    std::int64_t first_token;           ///< row of its first token
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
  void add_case_axis();
  void add_attributes();
  void add_attribute_over_cases(const std::string& name);
  std::optional<Variable> piece_of(const JoinedVariable& joined, std::size_t index,
                                   const Dataset& part) const;
  Variable apart(const Variable& own, std::int64_t number) const;

  Dataset first_;
  std::vector<Part> parts_;
  std::set<std::string> varying_;
  /// Of each name, the values of the parts so far; one value where all agree.
  std::map<std::string, std::vector<std::optional<Attribute>>> part_attributes_;
  bool has_tokens_ = false, has_cases_ = false, case_axis_used_ = false;
  std::string case_dim_;

  std::vector<JoinedVariable> variables_;
  std::map<std::string, Attribute> attributes_;
  std::vector<Receipt> receipts_;
};

}  // namespace lensbench
