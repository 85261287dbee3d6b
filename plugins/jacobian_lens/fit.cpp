#include "fit.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <limits>
#include <string>

#include "common/half_minutes.hpp"
#include "common/kept_request.hpp"
#include "receipts.hpp"

// The mean over prompts, and what survives an interruption.

namespace lensbench::jacobian {
namespace {

constexpr const char* kState = "jacobian_sums";

Corpus open_text(const Model& model, const JacobianLensFit& fit, std::uint64_t seed) {
  CorpusOptions options;
  options.length = std::min(fit.length, model.spec().max_positions);
  options.shuffle = true;
  options.seed = seed;
  return {model, fit.text, options};
}

class Fit {
 public:
  Fit(Context& context, const JacobianLensFit& fit)
      : context_(context),
        fit_(fit),
        blocks_(blocks_of(context.model().spec(), fit)),
        corpus_(open_text(context.model(), fit, context.seed())) {
    const std::int64_t width = context.model().spec().d_model;
    sums_ = at::zeros({2, std::ssize(blocks_), width, width}, at::kDouble);
    squares_ = at::zeros({std::ssize(blocks_)}, at::kDouble);
    mix_fit();
    const auto state = context.committed(kState);
    if (state && is_of_request(*state, request_)) take_up(*state);
  }

  Fitted finish() {
    HalfMinutes half_minutes;
    while (prompts_ < fit_.n_prompts) {
      if (context_.cancelled()) {
        keep();
        throw RunError("jacobian_lens: the run was interrupted; it goes on with --resume");
      }
      const auto window = corpus_.next();
      if (!window) break;
      ++read_;
      if (counted_positions(window->tokens.size(), fit_.skip_first).count > 0) add(window->tokens);
      context_.progress(prompts_, fit_.n_prompts);
      if (half_minutes.passed()) keep();
    }
    if (prompts_ == 0)
      throw UsageError("jacobian_lens: no window of the text has more than skip_first + 1 = " +
                       std::to_string(fit_.skip_first + 1) +
                       " tokens; give longer documents, or a smaller skip_first");
    keep();
    return result();
  }

 private:
  void mix_fit() {
    for (const std::int64_t number :
         {fit_.n_prompts, fit_.length, fit_.skip_first, fit_.seed_batch})
      request_.mix(static_cast<std::uint64_t>(number));
    request_.mix_all(blocks_);
    mix_text(request_, context_, fit_.text);
  }

  void add(const Tokens& tokens) {
    const Model& model = context_.model();
    const std::vector<at::Tensor> matrices =
        jacobians_of(model, tokens, blocks_, fit_.skip_first, fit_.seed_batch);
    if (prompts_ == 0) {
      identity_error_ = identity_difference(model, tokens, fit_.skip_first, fit_.seed_batch);
      direction_error_ =
          direction_difference(model, tokens, blocks_, matrices, fit_.skip_first, context_.seed());
    }
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      const auto block = static_cast<std::int64_t>(i);
      sums_[prompts_ % 2][block].add_(matrices[i]);
      squares_[block].add_(matrices[i].square().sum());
    }
    if (!squares_.isfinite().all().item<bool>())
      throw RunError("jacobian_lens: a derivative of prompt " + std::to_string(prompts_) +
                     " is not finite; compute in a wider dtype");
    ++prompts_;
  }

  void keep() {
    if (read_ == 0) return;
    Dataset state;
    state.add("sums", {"half", "block", "row", "column"}, sums_, "1", "sums over prompts");
    state.add("squares", {"block"}, squares_, "1", "sums of squares");
    state.add("counts", {"count"}, at::tensor(std::vector<std::int64_t>{prompts_, read_}), "1",
              "prompts in the sums, windows read");
    state.add("checks", {"check"},
              at::tensor(std::vector<double>{identity_error_, direction_error_}, at::kDouble), "1",
              "of the first prompt");
    add_request(state, request_);
    context_.commit(kState, state);
  }

  void take_up(const Dataset& state) {
    sums_ = state["sums"].tensor.clone();
    squares_ = state["squares"].tensor.clone();
    prompts_ = state["counts"].tensor[0].item<std::int64_t>();
    read_ = state["counts"].tensor[1].item<std::int64_t>();
    identity_error_ = state["checks"].tensor[0].item<double>();
    direction_error_ = state["checks"].tensor[1].item<double>();
    for (std::int64_t i = 0; i < read_; ++i) corpus_.next();
  }

  Fitted result() const {
    const TransformerSpec& spec = context_.model().spec();
    Fitted out;
    out.jacobians = Jacobians::identity(spec);
    out.standard_error =
        at::full({spec.n_layers}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
    out.split_half = out.standard_error.clone();
    const auto n = static_cast<double>(prompts_);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      const at::Tensor mean = (sums_[0][row] + sums_[1][row]) / n;
      out.jacobians.matrices[blocks_[i]].copy_(mean);
      out.jacobians.fitted[blocks_[i]] = 1;
      if (prompts_ < 2) continue;
      const double size = mean.norm().item<double>();
      // The variance summed over the entries, of which the squares alone are needed.
      const double variance =
          std::max(0.0, squares_[row].item<double>() - n * size * size) / (n - 1);
      out.standard_error[blocks_[i]] = std::sqrt(variance / n) / size;
      const double even = std::ceil(n / 2), odd = std::floor(n / 2);
      out.split_half[blocks_[i]] =
          ((sums_[0][row] / even - sums_[1][row] / odd).norm() / size).item<double>();
    }
    out.prompts = prompts_;
    out.skipped = read_ - prompts_;
    out.identity_error = identity_error_;
    out.direction_error = direction_error_;
    return out;
  }

  Context& context_;
  JacobianLensFit fit_;
  std::vector<std::int64_t> blocks_;
  Corpus corpus_;
  RequestNumber request_;
  at::Tensor sums_;     ///< [half, block, d_model, d_model] float64; every other prompt is a half
  at::Tensor squares_;  ///< [block]
  std::int64_t prompts_ = 0, read_ = 0;
  double identity_error_ = 0, direction_error_ = 0;
};

}  // namespace

Fitted fit_jacobians(Context& context, const JacobianLensFit& fit) {
  return Fit(context, fit).finish();
}

}  // namespace lensbench::jacobian
