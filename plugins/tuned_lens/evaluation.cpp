#include "evaluation.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/xlogy.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <lensbench/error.hpp>

#include "corpus_parts.hpp"
#include "divergence.hpp"

namespace lensbench::tuned {
namespace {

/// Sums over rows that the means are made of.
class Sums {
 public:
  Sums(const Model& model, const Translators& translators)
      : model_(model), translators_(translators), divergence_(model) {
    const std::int64_t layers = model.spec().n_layers + 1;
    kl_ = at::zeros({layers}, at::kDouble);
    kl_logit_lens_ = at::zeros({layers}, at::kDouble);
    cross_entropy_ = at::zeros({layers}, at::kDouble);
    probabilities_ = at::zeros({layers, model.unembedding().weight.size(0)}, at::kDouble);
  }

  void add(const Tokens& tokens) {
    const std::vector<at::Tensor> streams = read_streams(model_, tokens);
    const std::int64_t length = tokens.size(), size = divergence_.even_tile(length);
    for (std::int64_t first = 0; first < length; first += size)
      add_tile(streams, tokens, first, std::min(size, length - first));
    rows_ += length;
    scored_ += length - 1;
  }

  Evaluation means() const {
    Evaluation out;
    const auto rows = static_cast<double>(rows_);
    out.kl = kl_ / rows;
    out.kl_logit_lens = kl_logit_lens_ / rows;
    out.cross_entropy = cross_entropy_ / static_cast<double>(scored_);
    const at::Tensor mean = probabilities_ / rows, own = mean.select(0, -1);
    // 0 ln 0 is 0: a token that the model never gives any probability.
    out.marginal_kl = at::xlogy(own, own).sum() - at::xlogy(own.unsqueeze(0), mean).sum(1);
    out.marginal_kl.clamp_min_(0.0);
    out.rows = rows_;
    out.scored = scored_;
    return out;
  }

 private:
  /// Rows of a layer of a tile, after the norm.
  at::Tensor rows_of(const at::Tensor& stream) const { return normalised(model_, stream); }

  void add_tile(const std::vector<at::Tensor>& streams, const Tokens& tokens, std::int64_t first,
                std::int64_t count) {
    // The last token of a window is not followed by any.
    const std::int64_t scored = std::min(count, tokens.size() - 1 - first);
    const at::Tensor next =
        at::tensor(std::vector<std::int64_t>(tokens.ids.begin() + first + 1,
                                             tokens.ids.begin() + first + 1 + scored))
            .view({scored, 1});
    const auto surprise = [&](const at::Tensor& logarithms) {
      return -logarithms.narrow(0, 0, scored).gather(1, next).to(at::kDouble).sum();
    };
    divergence_.set_reference(rows_of(streams.back().narrow(0, first, count)));
    const std::int64_t last = std::ssize(streams) - 1;
    cross_entropy_[last].add_(surprise(divergence_.log_reference()));
    probabilities_[last].add_(divergence_.reference().sum(0));
    for (std::int64_t layer = 0; layer < last; ++layer) {
      const at::Tensor stream = streams[static_cast<std::size_t>(layer)].narrow(0, first, count);
      kl_logit_lens_[layer].add_(divergence_.of(rows_of(stream)).sum());
      kl_[layer].add_(divergence_.of(rows_of(translators_.apply(layer, stream))).sum());
      cross_entropy_[layer].add_(surprise(divergence_.log_probabilities()));
      probabilities_[layer].add_(divergence_.take_probabilities().sum(0));
    }
  }

  const Model& model_;
  const Translators& translators_;
  Divergence divergence_;
  at::Tensor kl_, kl_logit_lens_, cross_entropy_, probabilities_;
  std::int64_t rows_ = 0, scored_ = 0;
};

}  // namespace

Evaluation evaluate(Context& context, const Translators& translators,
                    const std::vector<Tokens>& sequences) {
  const c10::NoGradGuard no_gradients;
  Sums sums(context.model(), translators);
  for (const Tokens& tokens : sequences) {
    if (context.cancelled())
      throw RunError("tuned_lens: the run was interrupted; it goes on with --resume");
    sums.add(tokens);
  }
  return sums.means();
}

std::vector<Tokens> held_out_windows(Context& context, const TunedLensTraining& training) {
  Corpus corpus = open_part(context.model(), training, context.seed(), CorpusPart::held_out);
  std::vector<Tokens> windows;
  std::int64_t tokens = 0;
  while (tokens < 16 * training.tokens_per_step) {
    auto window = corpus.next();
    if (!window) break;
    tokens += window->tokens.size();
    windows.push_back(std::move(window->tokens));
  }
  if (windows.empty())
    throw UsageError(
        "tuned_lens: the documents held out have fewer than two tokens each; give a text of longer "
        "documents");
  return windows;
}

}  // namespace lensbench::tuned
