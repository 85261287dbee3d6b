#include "optimise.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <lensbench/random.hpp>
#include <limits>
#include <numeric>
#include <string>

namespace lensbench::neurons {
namespace {

/// Tokens that are embedded at a time.
constexpr std::int64_t kEmbeddedTokens = 2048;
/// Exchanges of a token that are run in each step.
constexpr std::size_t kCandidates = 16;

using Ids = std::vector<std::int64_t>;

bool wants(const NeuronExplorerOptions& options, const char* part) {
  return std::find(options.optimise.begin(), options.optimise.end(), part) !=
         options.optimise.end();
}

TokenBatch batch_of(const std::vector<Ids>& inputs) {
  std::vector<at::Tensor> rows;
  rows.reserve(inputs.size());
  for (const Ids& ids : inputs) rows.push_back(at::tensor(ids, at::kLong));
  return {at::stack(rows), {}};
}

/// Runs of one neuron.
class NeuronRuns {
 public:
  NeuronRuns(const Model& model, const NeuronId& neuron, std::int64_t length)
      : model_(model), neuron_(neuron), length_(length) {
    const std::string block = "blocks." + std::to_string(neuron.block) + ".mlp.";
    post_ = block + "hook_post";
    // Where a nonlinearity is flat, its input still has a gradient, and what is large there is
    // large after it. A gated neuron is a product.
    ascended_ = model.spec().mlp.gated ? post_ : block + "hook_pre";
  }

  /// Activations at the last position of each input.
  std::vector<double> activations(const std::vector<Ids>& inputs, bool ascended) const {
    return read(batch_of(inputs), ascended ? ascended_ : post_, {});
  }
  double activation(const Ids& ids) const { return activations({ids}, false).front(); }
  /// Activation of rows [pos, width] in place of embeddings.
  /// \param seen  receives the rows that the model then embeds with
  double activation(const at::Tensor& rows, at::Tensor& seen) const {
    Hooks hooks = replacing(rows);
    hooks.read("hook_embed", [&seen](const at::Tensor& x, const HookPoint&) { seen = x[0]; });
    return read(dummy(), post_, std::move(hooks)).front();
  }
  /// What is ascended, and its gradient by the embeddings.
  ValueAndGradient gradient(const at::Tensor& rows) const {
    return gradient(dummy(), replacing(rows));
  }
  ValueAndGradient gradient(const Ids& ids) const { return gradient(batch_of({ids}), {}); }

 private:
  static Hooks replacing(const at::Tensor& rows) {
    Hooks hooks;
    hooks.replace("hook_embed", [rows](const at::Tensor& x, const HookPoint&) {
      return rows.to(x.device(), x.scalar_type()).expand_as(x).contiguous();
    });
    return hooks;
  }
  TokenBatch dummy() const { return batch_of({Ids(static_cast<std::size_t>(length_), 0)}); }
  at::Tensor last_of(const at::Tensor& x) const {
    return x.select(1, length_ - 1).select(1, neuron_.index);
  }
  std::vector<double> read(const TokenBatch& batch, const std::string& hook, Hooks hooks) const {
    std::vector<double> values;
    hooks.read(hook, [&](const at::Tensor& x, const HookPoint&) {
      const at::Tensor last = last_of(x).to(at::kCPU).to(at::kDouble).contiguous();
      values.assign(last.data_ptr<double>(), last.data_ptr<double>() + last.numel());
    });
    ForwardOptions options;
    options.stop_at_layer = neuron_.block + 1;
    model_.forward(batch, options, hooks);
    return values;
  }
  ValueAndGradient gradient(const TokenBatch& batch, const Hooks& hooks) const {
    GradientOptions options;
    options.stop_at_layer = neuron_.block + 1;
    options.hooks = hooks;
    const auto found = run_gradients(
        model_, batch, {"hook_embed", ascended_},
        [&](const at::Tensor&, const RecordedActivations& activations) {
          return last_of(activations.at(ascended_));
        },
        options);
    return {found.values.to(at::kDouble).sum().item<double>(),
            found.gradients.at("hook_embed")[0].to(at::kCPU).to(at::kFloat)};
  }

  const Model& model_;
  NeuronId neuron_;
  std::int64_t length_;
  std::string post_, ascended_;
};

/// Calls `visit` with parts of the vocabulary's embeddings, as they enter the model.
void for_each_embedding(
    const Model& model,
    const std::function<void(std::int64_t first, const at::Tensor& rows)>& visit) {
  const std::int64_t size = model.weight("embed.W_E").size(0);
  for (std::int64_t first = 0; first < size; first += kEmbeddedTokens) {
    Ids ids(static_cast<std::size_t>(std::min(kEmbeddedTokens, size - first)));
    std::iota(ids.begin(), ids.end(), first);
    at::Tensor rows;
    Hooks hooks;
    hooks.read("hook_embed", [&](const at::Tensor& x, const HookPoint&) { rows = x.select(1, 0); });
    ForwardOptions options;
    options.stop_at_layer = 0;
    model.forward({at::tensor(ids, at::kLong).unsqueeze(1), {}}, options, hooks);
    visit(first, rows.to(at::kCPU).to(at::kFloat));
  }
}

double mean_length(const Model& model) {
  double sum = 0, count = 0;
  for_each_embedding(model, [&](std::int64_t, const at::Tensor& rows) {
    sum += rows.norm(2, 1).to(at::kDouble).sum().item<double>();
    count += static_cast<double>(rows.size(0));
  });
  return sum / count;
}

/// For each row of `scorer` the token of largest score and that score.
struct BestTokens {
  Ids ids;
  std::vector<double> scores;
};

/// \param directions  [row, width]
/// \param by_cosine   divides by the length of the embedding; tokens without length are left out
BestTokens best_tokens(const Model& model, const at::Tensor& directions, bool by_cosine) {
  const auto rows = static_cast<std::size_t>(directions.size(0));
  BestTokens best{Ids(rows, 0),
                  std::vector<double>(rows, -std::numeric_limits<double>::infinity())};
  for_each_embedding(model, [&](std::int64_t first, const at::Tensor& embeddings) {
    at::Tensor scores = directions.matmul(embeddings.t());
    if (by_cosine) {
      const at::Tensor length = embeddings.norm(2, 1);
      scores =
          (scores / length).masked_fill(length.eq(0), -std::numeric_limits<double>::infinity());
    }
    for (std::size_t i = 0; i < rows; ++i) {
      const at::Tensor row = scores[static_cast<std::int64_t>(i)];
      const auto token = row.argmax().item<std::int64_t>();
      const double score = row[token].item<double>();
      if (score <= best.scores[i]) continue;
      best.scores[i] = score;
      best.ids[i] = first + token;
    }
  });
  return best;
}

at::Tensor embeddings_at(const Model& model, const Ids& ids) {
  at::Tensor rows;
  Hooks hooks;
  hooks.read("hook_embed", [&](const at::Tensor& x, const HookPoint&) { rows = x[0]; });
  ForwardOptions options;
  options.stop_at_layer = 0;
  model.forward(batch_of({ids}), options, hooks);
  return rows.to(at::kCPU).to(at::kFloat);
}

/// Exchanges one token at a time while a run confirms that it is better.
Ids search_tokens(const Context& context, const NeuronRuns& runs, Ids ids, std::int64_t steps) {
  const Model& model = context.model();
  double value = runs.activations({ids}, true).front();
  for (std::int64_t step = 0; step < steps; ++step) {
    if (context.cancelled()) throw RunError("neuron_explorer: the run was interrupted");
    const at::Tensor gradient = runs.gradient(ids).gradient;
    const BestTokens best = best_tokens(model, gradient, false);
    const at::Tensor now = (gradient * embeddings_at(model, ids)).sum(1).to(at::kDouble);
    std::vector<std::size_t> order(ids.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto gain = [&](std::size_t i) {
      return best.scores[i] - now[static_cast<std::int64_t>(i)].item<double>();
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return gain(a) > gain(b); });
    std::vector<Ids> candidates;
    for (std::size_t i = 0; i < std::min(order.size(), kCandidates); ++i) {
      if (best.ids[order[i]] == ids[order[i]]) continue;
      candidates.push_back(ids);
      candidates.back()[order[i]] = best.ids[order[i]];
    }
    if (candidates.empty()) break;
    const std::vector<double> values = runs.activations(candidates, true);
    const auto found = std::max_element(values.begin(), values.end());
    if (*found <= value) break;
    value = *found;
    ids = candidates[static_cast<std::size_t>(found - values.begin())];
  }
  return ids;
}

at::Tensor with_length(const at::Tensor& rows, double length) {
  return rows * (length / rows.norm(2, 1, /*keepdim=*/true));
}

}  // namespace

at::Tensor ascend(const Differentiable& function, const at::Tensor& start, double radius,
                  std::int64_t steps) {
  at::Tensor rows = with_length(start, radius), best = rows;
  double value = -std::numeric_limits<double>::infinity();
  const double size = radius * std::sqrt(static_cast<double>(start.size(0)));
  for (std::int64_t step = 0; step <= steps; ++step) {
    const ValueAndGradient found = function(rows);
    if (found.value > value) {
      value = found.value;
      best = rows;
    }
    const double length = found.gradient.norm().item<double>();
    if (!(length > 0) || step == steps) break;
    const double part = 0.5 * (1 - static_cast<double>(step) / static_cast<double>(steps));
    rows = with_length(rows + found.gradient * (part * size / length), radius);
  }
  return best;
}

OptimisedInput optimise_input(const Context& context, const NeuronId& neuron,
                              const NeuronExplorerOptions& options, std::uint64_t stream) {
  const Model& model = context.model();
  const NeuronRuns runs(model, neuron, options.length);
  Philox random(context.seed(), stream);
  OptimisedInput out;
  Ids start(static_cast<std::size_t>(options.length));
  for (std::int64_t& id : start)
    id = static_cast<std::int64_t>(
        random.below(static_cast<std::uint64_t>(model.spec().vocab_size)));
  if (wants(options, "embedding")) {
    const double radius = mean_length(model);
    at::Tensor rows = at::empty({options.length, embeddings_at(model, {0}).size(1)}, at::kFloat);
    for (std::int64_t i = 0; i < rows.numel(); ++i)
      rows.data_ptr<float>()[i] = static_cast<float>(random.normal());
    const at::Tensor best = ascend(
        [&](const at::Tensor& x) {
          if (context.cancelled()) throw RunError("neuron_explorer: the run was interrupted");
          return runs.gradient(x);
        },
        rows, radius, options.optimise_steps);
    at::Tensor seen;
    out.optimum = runs.activation(best, seen);
    const at::Tensor lengths = seen.to(at::kCPU).to(at::kDouble).norm(2, 1);
    out.length_error = (lengths / radius - 1).abs().max().item<double>();
    out.nearest_ids = start = best_tokens(model, best, true).ids;
    out.nearest = runs.activation(out.nearest_ids);
  }
  if (wants(options, "tokens")) {
    out.token_ids = search_tokens(context, runs, start, options.optimise_steps);
    out.tokens = runs.activation(out.token_ids);
  }
  return out;
}

}  // namespace lensbench::neurons
