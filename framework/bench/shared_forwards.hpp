#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bench/input/case_batches.hpp"

namespace lensbench {

/// Cache of the activations of one case, so that its tools share forwards.
///
/// The first forward of a sequence also reads hook points that will probably be requested: in the
/// first case those that the tools announced with `expect`, later those that were requested for the
/// sequence with the same index in the previous case. Reading an activation does not change a
/// forward in any bit, so results do not depend on the cache.
///
/// The prompts of a batch of cases run together, whichever of them asks first: in one forward, or
/// block by block (`CaseBatch::in_step`).
class SharedForwards {
 public:
  /// \param share       false: every request runs its own forward, and nothing is cached
  /// \param most_bytes  most bytes cached between requests; activations beyond it are recomputed,
  ///   and prompts of a batch whose activations exceed it run alone
  SharedForwards(std::shared_ptr<const Model> model, bool share,
                 std::int64_t most_bytes = std::int64_t{1} << 30);

  /// Announces globs that tools will request. \throws UsageError for a name without a match
  void expect(const std::vector<std::string>& globs);
  void begin_case();
  /// Implements `Context::activations`. The caller may write into the result: later requests do not
  /// see it. \param batch  prompts that run together with that of the case; nullptr: none
  std::map<std::string, at::Tensor> activations(const Tokens& tokens,
                                                const std::vector<std::string>& globs,
                                                const CaseBatch* batch = nullptr);

  std::int64_t forwards() const { return forwards_; }
  std::int64_t shared() const { return shared_; }

 private:
  using Names = std::set<std::string>;
  using Activations = std::map<std::string, at::Tensor>;
  struct Sequence {
    std::vector<std::int64_t> ids;
    std::size_t index = 0;  ///< index within its case, in order of first request
    std::int64_t last_used = 0;
    Activations held = {};
  };
  /// Requests for a sequence during one case.
  struct Asked {
    Names names = {};
    std::int64_t bytes = 0, length = 0;
  };

  /// Activations of a prompt of the batch that were read before its case asked for them.
  struct Member {
    Tokens tokens;
    Activations held = {};
    bool ready = false;  ///< in step: `held` was read and not yet asked for
  };

  Names matching(const std::vector<std::string>& globs);
  std::vector<Activations> run(const std::vector<Tokens>& sequences, const Names& names);
  Activations read(const Tokens& tokens, const Names& names);
  Activations read_in_batch(std::size_t member, const Names& names);
  std::vector<Activations> run_batch(const Names& names);
  Activations read_in_step(Member& member, const Names& names);
  void run_in_step(const Names& names);
  double expected_bytes(const Names& names) const;
  void set_batch(const CaseBatch* batch);
  Sequence& sequence_of(const Tokens& tokens);
  void add_foreseen(const Sequence& sequence, Names& names) const;
  void keep_within_bounds(Sequence& latest);

  std::shared_ptr<const Model> model_;
  bool share_;
  std::int64_t most_bytes_;
  std::vector<HookPoint> points_;
  std::int64_t forwards_ = 0, shared_ = 0, requests_ = 0;
  Names expected_;
  std::map<std::vector<std::string>, Names> matched_;  ///< names by the globs of a request
  std::vector<Asked> before_, now_;                    ///< by index of the sequence
  std::size_t begun_ = 0;                              ///< number of sequences of this case so far
  std::vector<Sequence> sequences_;
  std::int64_t batch_number_ = -1;  ///< -1: no batch
  std::vector<Member> batch_;
  bool in_step_ = false;
  std::optional<Names> stepped_;  ///< in step: names that were read for the whole batch
};

}  // namespace lensbench
