#include "neutral.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <lensbench/readout.hpp>
#include <map>

namespace lensbench::steering {
namespace {

/// Numbers of the streams that are run together: 64 MiB of float32.
constexpr std::int64_t kStreamNumbers = std::int64_t{1} << 24;

/// A window with the streams of the unchanged model, [1, token, d_model].
struct NeutralWindow {
  const Tokens& tokens;
  std::map<std::int64_t, at::Tensor> streams;
  at::Tensor last;
};

NeutralWindow read_window(const Model& model, const Tokens& tokens,
                          const std::vector<SteeredLayer>& layers) {
  NeutralWindow window{tokens, {}, {}};
  Hooks hooks;
  for (const SteeredLayer& layer : layers)
    hooks.read(residual_hook(model.spec(), layer.layer),
               [&window, at = layer.layer](const at::Tensor& x, const HookPoint&) {
                 window.streams[at] = x;
               });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  window.last = model.forward(make_batch(tokens), options, hooks).residual;
  return window;
}

/// Last streams [row, token, d_model] of the runs that go on from these streams.
at::Tensor run_from(const Model& model, const NeutralWindow& window, std::int64_t layer,
                    const at::Tensor& streams) {
  // The last stream is what the final norm reads; no block follows it.
  if (layer == model.spec().n_layers) return streams;
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  TokenBatch batch = make_batch(window.tokens);
  batch.ids = batch.ids.expand({streams.size(0), -1});
  Hooks hooks;
  if (layer == 0) {
    // The stream was read after the interventions on its point, which must not act again.
    hooks.replace(residual_hook(model.spec(), 0),
                  [&](const at::Tensor&, const HookPoint&) { return streams; });
  } else {
    options.start_at_layer = layer;
    options.residual = streams;
  }
  return model.forward(batch, options, hooks).residual;
}

/// Sums over the tokens of a window, of each alpha and, last, of the unchanged model.
struct Sums {
  at::Tensor kl, cross_entropy;  ///< [alpha + 1] float64
};

Sums sums_of(const Model& model, const NeutralWindow& window, const at::Tensor& streams) {
  std::vector<std::int64_t> next(window.tokens.ids.begin() + 1, window.tokens.ids.end());
  next.push_back(window.tokens.ids.front());  // without a meaning, and not summed
  ReadoutOptions options;
  options.top_k = 0;
  options.entropy = false;
  options.scored_ids = at::tensor(next, at::kLong);
  const Readout out =
      read_out(model.unembedding(), model.final_norm(at::cat({streams, window.last})), options);
  // What follows the last token is not known.
  const std::int64_t scored = window.tokens.size() - 1;
  return {out.kl_to_last.to(at::kDouble).sum(1),
          -out.scored_log_probabilities.narrow(1, 0, scored).to(at::kDouble).sum(1)};
}

Sums measure_window(const SteeringPlan& plan, const SteeredLayer& layer,
                    const NeutralWindow& window) {
  const Model& model = plan.context.model();
  const at::Tensor& stream = window.streams.at(layer.layer);
  const std::int64_t alphas = plan.n_alphas();
  const std::int64_t step = std::max<std::int64_t>(1, kStreamNumbers / stream.numel());
  std::vector<at::Tensor> kl, cross_entropy;
  for (std::int64_t first = 0; first < alphas; first += step) {
    const std::int64_t count = std::min(step, alphas - first);
    std::vector<at::Tensor> streams;
    for (std::int64_t a = first; a < first + count; ++a) {
      const SteeredRun run = plan.run(layer, 0, plan.alphas[static_cast<std::size_t>(a)]);
      streams.push_back(run.unchanged ? stream
                                      : steered(plan.mode, stream, run.direction, run.amount));
    }
    const Sums sums =
        sums_of(model, window, run_from(model, window, layer.layer, at::cat(streams)));
    // The last row of each part is the unchanged run; it is kept once.
    const bool last = first + count == alphas;
    kl.push_back(sums.kl.narrow(0, 0, count + (last ? 1 : 0)));
    cross_entropy.push_back(sums.cross_entropy.narrow(0, 0, count + (last ? 1 : 0)));
  }
  return {at::cat(kl), at::cat(cross_entropy)};
}

}  // namespace

std::vector<Tokens> neutral_windows(const Context& context, const SteeringOptions& options) {
  const Model& model = context.model();
  Corpus corpus(model, options.neutral,
                {.length = std::min(options.window, position_limit(model.spec())),
                 .min_length = 2,
                 .shuffle = true,
                 .seed = context.seed()});
  std::vector<Tokens> windows;
  while (options.windows == 0 || std::ssize(windows) < options.windows) {
    auto window = corpus.next();
    if (!window) break;
    windows.push_back(std::move(window->tokens));
  }
  if (windows.empty())
    throw UsageError("steering: neutral '" + options.neutral +
                     "' lacks a document of at least 2 tokens; give a longer text");
  return windows;
}

NeutralCost measure_neutral(const SteeringPlan& plan, const std::vector<SteeredLayer>& layers,
                            const std::vector<Tokens>& windows) {
  const auto n = static_cast<std::int64_t>(layers.size());
  const std::int64_t alphas = plan.n_alphas();
  at::Tensor kl = at::zeros({n, alphas + 1}, at::kDouble);
  at::Tensor cross_entropy = at::zeros({n, alphas + 1}, at::kDouble);
  std::int64_t tokens = 0, scored = 0;
  for (const Tokens& text : windows) {
    const NeutralWindow window = read_window(plan.context.model(), text, layers);
    tokens += text.size();
    scored += text.size() - 1;
    for (std::int64_t i = 0; i < n; ++i) {
      if (plan.context.cancelled()) throw RunError("steering: the run was interrupted");
      const Sums sums = measure_window(plan, layers[static_cast<std::size_t>(i)], window);
      kl[i] += sums.kl;
      cross_entropy[i] += sums.cross_entropy;
    }
  }
  const at::Tensor perplexity = at::exp(cross_entropy / static_cast<double>(scored));
  return {kl.narrow(1, 0, alphas) / static_cast<double>(tokens), perplexity.narrow(1, 0, alphas),
          perplexity[0][alphas].item<double>(), tokens};
}

}  // namespace lensbench::steering
