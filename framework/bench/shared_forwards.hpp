#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace lensbench {

/// Activations of the sequences of one case, held so that its tools share forwards.
///
/// The first forward of a sequence reads what the tools said they expect to ask for, and from the
/// second case on what the sequence in the same place of the case before was asked for. Reading an
/// activation changes no bit of a forward, so results do not depend on any of this.
class LENSBENCH_API SharedForwards {
 public:
  /// \param share  false: every request is a forward of its own, and nothing is held
  /// \param most_bytes  held between requests; what exceeds it is computed again
  SharedForwards(std::shared_ptr<const Model> model, bool share,
                 std::int64_t most_bytes = std::int64_t{1} << 30);

  /// \throws UsageError for a name that matches nothing
  void expect(const std::vector<std::string>& globs);
  void begin_case();
  /// As `Context::activations`.
  std::map<std::string, at::Tensor> activations(const Tokens& tokens,
                                                const std::vector<std::string>& globs);

  std::int64_t forwards() const { return forwards_; }
  std::int64_t shared() const { return shared_; }

 private:
  using Names = std::set<std::string>;
  using Activations = std::map<std::string, at::Tensor>;
  struct Sequence {
    std::vector<std::int64_t> ids;
    std::size_t place = 0;  ///< in the case: the how manyth sequence that was asked about
    std::int64_t last_used = 0;
    Activations held = {};
  };
  /// What a sequence was asked for in the whole of a case.
  struct Asked {
    Names names = {};
    std::int64_t bytes = 0, length = 0;
  };

  Names matching(const std::vector<std::string>& globs) const;
  Activations read(const Tokens& tokens, const Names& names);
  Sequence& sequence_of(const Tokens& tokens);
  void add_foreseen(const Sequence& sequence, Names& names) const;
  void keep_within_bounds(Sequence& latest);

  std::shared_ptr<const Model> model_;
  bool share_;
  std::int64_t most_bytes_;
  std::int64_t forwards_ = 0, shared_ = 0, requests_ = 0;
  Names expected_;
  std::vector<Asked> before_, now_;  ///< by place
  std::size_t begun_ = 0;            ///< sequences of this case so far
  std::vector<Sequence> sequences_;
};

}  // namespace lensbench
