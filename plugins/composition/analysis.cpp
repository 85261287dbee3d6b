#include "analysis.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "checks.hpp"
#include "common/worst.hpp"
#include "decode.hpp"
#include "spectra.hpp"

namespace lensbench::composition {
namespace {

/// Between blocks, so that an interrupt takes at most the time of one block.
void check_cancelled(const Context& context) {
  if (context.cancelled()) throw RunError("composition: the run was interrupted");
}

/// Computes the numbers of each block in turn.
class Analyser {
 public:
  Analyser(Context& context, const HeadWeights& weights, const AnalysisPlan& plan)
      : context_(context), weights_(weights), plan_(plan) {
    const TransformerSpec& spec = weights.model().spec();
    blocks_ = spec.n_layers;
    heads_ = spec.attention.n_heads;
    const std::int64_t d_head = spec.attention.d_head;
    for (at::Tensor* one :
         {&found_.copying_score, &found_.matching_score, &found_.ov_norm, &found_.qk_norm})
      *one = at::empty({blocks_, heads_}, at::kDouble);
    // OV has rank d_head, so W_E OV W_U has at most that many eigenvalues other than 0.
    found_.eigenvalue_real = at::empty({blocks_, heads_, d_head}, at::kDouble);
    found_.eigenvalue_imag = at::empty({blocks_, heads_, d_head}, at::kDouble);
    if (plan.directions == 0) return;
    found_.singular_value = at::empty({2, blocks_, heads_, plan.directions}, at::kDouble);
    found_.degenerate = at::empty({2, blocks_, heads_, plan.directions}, at::kChar);
  }

  Analysis run() {
    // One pass over the vocabulary for all heads.
    products_ = vocabulary_products(weights_);
    for (std::int64_t block = 0; block < blocks_; ++block) {
      check_cancelled(context_);
      const BlockHeads heads = weights_.block(block);
      measure(block, heads);
      if (plan_.directions > 0) decompose(block, heads);
      if (plan_.read_direction.defined()) read_and_write(heads);
      // One block suffices to compare the factored forms with dense matrices.
      if (block == 0) compare_dense(heads);
    }
    decode();
    compare();
    join();
    return std::move(found_);
  }

 private:
  void measure(std::int64_t block, const BlockHeads& heads) {
    // Frobenius norms come from the triangular factors, without a [d_model, d_model] product.
    found_.ov_norm[block].copy_(senders_of(heads).norm);
    found_.qk_norm[block].copy_(receivers_of(heads, Mode::query).norm);
    for (std::int64_t head = 0; head < heads_; ++head) {
      const Spectrum copying = copying_spectrum(heads, head, products_);
      const Spectrum matching = matching_spectrum(heads, head, products_);
      found_.copying_score[block][head] = copying.score;
      found_.matching_score[block][head] = matching.score;
      found_.eigenvalue_real[block][head].copy_(copying.values.real);
      found_.eigenvalue_imag[block][head].copy_(copying.values.imaginary);
      found_.trace_error =
          worst_of(found_.trace_error, worst_of(copying.trace_error, matching.trace_error));
    }
  }

  /// Singular values of all heads of a block; keeps their directions for `decode`.
  void decompose(std::int64_t block, const BlockHeads& heads) {
    const std::int64_t n = plan_.directions;
    const auto keep = [&](std::int64_t circuit, std::int64_t head, const linear_algebra::Svd& svd,
                          const char* left, const char* right) {
      found_.singular_value[circuit][block][head].copy_(svd.S.narrow(0, 0, n));
      found_.degenerate[circuit][block][head].copy_(svd.degenerate.narrow(0, 0, n));
      // Directions of all heads are decoded together, so that the vocabulary is read once for each
      // end.
      directions_[left].push_back(svd.U.narrow(1, 0, n).t().contiguous());
      directions_[right].push_back(svd.V.narrow(1, 0, n).t().contiguous());
    };
    for (std::int64_t head = 0; head < heads_; ++head) {
      keep(0, head, ov_directions(heads, head), "input", "output");
      keep(1, head, qk_directions(heads, head), "query", "key");
    }
  }

  /// Lists the tokens at the ends of all directions.
  void decode() {
    const TokenRows embedded = [&](std::int64_t first, std::int64_t count) {
      return weights_.embeddings(first, count);
    };
    const TokenRows logits = [&](std::int64_t first, std::int64_t count) {
      return weights_.logit_vectors(first, count);
    };
    for (const auto& [name, vectors] : directions_) {
      check_cancelled(context_);
      const EndTokens ends = tokens_at_ends(at::cat(vectors), name == "output" ? logits : embedded,
                                            weights_.n_tokens(), plan_.top_k);
      const std::vector<std::int64_t> shape = {blocks_, heads_, plan_.directions, 2, plan_.top_k};
      found_.ends[name + "_top_id"] = ends.id.view(shape);
      found_.ends[name + "_top_value"] = ends.value.view(shape);
    }
  }

  // Norm of what each head reads of a unit direction, and of what it writes along one.
  void read_and_write(const BlockHeads& heads) {
    const at::Tensor read = plan_.read_direction / plan_.read_direction.norm();
    const at::Tensor write = plan_.write_direction / plan_.write_direction.norm();
    read_q_.push_back(at::matmul(read, heads.query).norm(2, -1));
    read_k_.push_back(at::matmul(read, heads.key).norm(2, -1));
    read_v_.push_back(at::matmul(read, heads.value).norm(2, -1));
    std::vector<at::Tensor> written;
    for (std::int64_t head = 0; head < heads_; ++head)
      written.push_back(
          at::matmul(heads.value_of(head), at::matmul(heads.output[head], write)).norm());
    write_.push_back(at::stack(written));
  }

  /// Numbers of the first head from factors against those of its dense matrices.
  void compare_dense(const BlockHeads& heads) {
    found_.norm_error = norm_error(heads, 0, found_.ov_norm[0][0].item<double>(),
                                   found_.qk_norm[0][0].item<double>());
    found_.vector_error = worst_of(rebuilding_error(ov_directions(heads, 0), dense_ov(heads, 0)),
                                   rebuilding_error(qk_directions(heads, 0), dense_qk(heads, 0)));
  }

  /// Scores of all pairs of heads, checked against their range and against one dense pair.
  void compare() {
    if (plan_.modes.empty()) return;
    found_.composition =
        all_scores(weights_, plan_.modes, [&](std::int64_t done, std::int64_t total) {
          context_.progress(done, total);
          check_cancelled(context_);
        });
    found_.range_error = range_error(found_.composition);
    if (blocks_ > 1) compare_dense_score();
    // The modes have 2^32 streams of random numbers each, more than there are draws.
    for (std::size_t i = 0; i < plan_.modes.size(); ++i)
      found_.baselines.push_back(random_scores(weights_.model().spec(), plan_.modes[i],
                                               plan_.baseline_draws, plan_.seed,
                                               static_cast<std::uint64_t>(i) << 32));
  }

  /// Score of the first mode between the first heads of the first two blocks: from factors and from
  /// the product of the dense matrices.
  void compare_dense_score() {
    const BlockHeads first = weights_.block(0), second = weights_.block(1);
    const Mode mode = plan_.modes.front();
    const at::Tensor ov = dense_ov(first, 0);
    const at::Tensor x = mode == Mode::query ? dense_qk(second, 0)
                         : mode == Mode::key ? dense_qk(second, 0).t()
                                             : dense_ov(second, 0);
    const double score = found_.composition[0][0][0][1][0].item<double>();
    found_.norm_error = worst_of(found_.norm_error, score_error(score, ov, x));
  }

  void join() {
    if (read_q_.empty()) return;
    found_.read_q = at::stack(read_q_);
    found_.read_k = at::stack(read_k_);
    found_.read_v = at::stack(read_v_);
    found_.write = at::stack(write_);
  }

  Context& context_;
  const HeadWeights& weights_;
  const AnalysisPlan& plan_;
  std::int64_t blocks_ = 0, heads_ = 0;
  VocabularyProducts products_;
  std::map<std::string, std::vector<at::Tensor>> directions_;  ///< [direction, d_model] by head
  std::vector<at::Tensor> read_q_, read_k_, read_v_, write_;
  Analysis found_;
};

}  // namespace

Analysis analyse(Context& context, const HeadWeights& weights, const AnalysisPlan& plan) {
  return Analyser(context, weights, plan).run();
}

}  // namespace lensbench::composition
