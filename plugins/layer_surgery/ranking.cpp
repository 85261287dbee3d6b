#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <numeric>

#include "prune.hpp"

// Orders in which parts of a model are pruned.

namespace lensbench::surgery {
namespace {

/// Share of its own root mean square above which the activation of a neuron counts as active.
constexpr double kActive = 0.1;

using ReadBlock = std::function<void(std::size_t block, const at::Tensor& activation)>;

/// Reads the activations [token, part, ...] of one hook point of each block, in float64, over
/// texts.
void read_over(const Model& model, const std::vector<Tokens>& texts,
               const std::vector<std::int64_t>& blocks, const std::string& hook,
               const ReadBlock& read) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  for (const Tokens& text : texts) {
    Hooks hooks;
    for (std::size_t i = 0; i < blocks.size(); ++i)
      hooks.read("blocks." + std::to_string(blocks[i]) + "." + hook,
                 [&, i](const at::Tensor& value, const HookPoint&) {
                   read(i, value[0].to(at::kCPU).to(at::kDouble));
                 });
    model.forward(make_batch(text), options, hooks);
  }
}

std::string weight_name(std::int64_t block, const char* part) {
  return "blocks." + std::to_string(block) + "." + part;
}

at::Tensor wide(const at::Tensor& weight) {
  return weight.to(at::kCPU).to(at::kDouble);
}

/// W_V of each head, [head, in, d_value]; in latent attention it reads the vector that keys and
/// values are made of, whose matrix has the key of each head before its value.
at::Tensor value_weights(const Model& model, std::int64_t block) {
  const TransformerSpec& spec = model.spec();
  if (!spec.latent) return model.weight(weight_name(block, "attn.W_V"));
  const at::Tensor both = model.weight(weight_name(block, "attn.kv_b_proj.W"));
  const at::Tensor heads = both.view({both.size(0), spec.attention.n_heads, -1});
  const std::int64_t d_value = spec.d_value();
  return heads.narrow(2, heads.size(2) - d_value, d_value).transpose(0, 1);
}

/// W_V W_O of each head as a Frobenius norm, [head], from [d_head, d_head] products.
/// |A B|^2 = sum (A^T A) * (B B^T) for A = W_V, B = W_O: products [d_head, d_head] only.
at::Tensor head_norms(const Model& model, std::int64_t block) {
  const at::Tensor w_o = wide(model.weight(weight_name(block, "attn.W_O")));
  at::Tensor w_v = wide(value_weights(model, block));
  w_v = w_v.repeat_interleave(w_o.size(0) / w_v.size(0), 0);
  const at::Tensor a = w_v.transpose(1, 2).matmul(w_v), b = w_o.matmul(w_o.transpose(1, 2));
  return (a * b).sum({1, 2}).clamp_min(0).sqrt();
}

/// |W_in[:, n]| |W_out[n]| of each neuron, which does not change when one is scaled up and the
/// other down.
at::Tensor neuron_norms(const Model& model, std::int64_t block) {
  return wide(model.weight(weight_name(block, "mlp.W_in"))).norm(2, 0) *
         wide(model.weight(weight_name(block, "mlp.W_out"))).norm(2, 1);
}

std::vector<at::Tensor> weight_norms(const Model& model, const std::vector<std::int64_t>& blocks,
                                     bool heads) {
  std::vector<at::Tensor> out;
  out.reserve(blocks.size());
  for (const std::int64_t block : blocks)
    out.push_back(heads ? head_norms(model, block) : neuron_norms(model, block));
  return out;
}

/// Sums over tokens of the length of what a part adds to the stream. |z W_O|^2 = z (W_O W_O^T) z^T,
/// so that no row of the stream is made.
std::vector<at::Tensor> contributions(const Model& model, const std::vector<Tokens>& texts,
                                      const std::vector<std::int64_t>& blocks, bool heads) {
  std::vector<at::Tensor> factor, sum(blocks.size());
  for (const std::int64_t block : blocks) {
    const at::Tensor w = wide(model.weight(weight_name(block, heads ? "attn.W_O" : "mlp.W_out")));
    factor.push_back(heads ? w.matmul(w.transpose(1, 2)) : w.norm(2, 1));
  }
  read_over(model, texts, blocks, heads ? "attn.hook_z" : "mlp.hook_post",
            [&](std::size_t i, const at::Tensor& a) {
              const at::Tensor length =
                  heads ? at::einsum("thd,hde,the->th", {a, factor[i], a}).clamp_min(0).sqrt()
                        : a.abs() * factor[i];
              sum[i] = sum[i].defined() ? sum[i] + length.sum(0) : length.sum(0);
            });
  return sum;
}

/// Numbers of tokens at which a neuron is active. The threshold is relative to the neuron itself,
/// which needs a first pass over the texts for its root mean square.
std::vector<at::Tensor> frequencies(const Model& model, const std::vector<Tokens>& texts,
                                    const std::vector<std::int64_t>& blocks) {
  std::vector<at::Tensor> squares(blocks.size()), active(blocks.size());
  const auto add = [](at::Tensor& sum, const at::Tensor& value) {
    sum = sum.defined() ? sum + value : value;
  };
  std::int64_t tokens = 0;
  for (const Tokens& text : texts) tokens += text.size();
  read_over(model, texts, blocks, "mlp.hook_post",
            [&](std::size_t i, const at::Tensor& a) { add(squares[i], a.pow(2).sum(0)); });
  read_over(model, texts, blocks, "mlp.hook_post", [&](std::size_t i, const at::Tensor& a) {
    const at::Tensor threshold = (squares[i] / static_cast<double>(tokens)).sqrt() * kActive;
    add(active[i], (a.abs() > threshold).to(at::kDouble).sum(0));
  });
  return active;
}

/// \param draw  number of a random order
std::vector<double> random_measure(std::int64_t count, std::uint64_t seed, std::int64_t draw) {
  std::vector<double> measure;
  measure.reserve(static_cast<std::size_t>(count));
  // A stream for each random order, so that its order does not depend on the number of orders.
  Philox random(seed, kFirstOrderStream + static_cast<std::uint64_t>(draw));
  for (std::int64_t i = 0; i < count; ++i) measure.push_back(random.uniform());
  return measure;
}

/// What the parts of the blocks of a ranking are ordered by.
std::vector<double> measure_of(const Model& model, const std::vector<Tokens>& texts,
                               const std::string& by, const Ranking& ranking, bool heads,
                               std::uint64_t seed, std::int64_t draw) {
  if (by == "random")
    return random_measure(std::ssize(ranking.blocks) * ranking.parts_per_block, seed, draw);
  const std::vector<at::Tensor> values =
      by == "frequency"      ? frequencies(model, texts, ranking.blocks)
      : by == "contribution" ? contributions(model, texts, ranking.blocks, heads)
                             : weight_norms(model, ranking.blocks, heads);
  return statistics::values_of(at::cat(values));
}

}  // namespace

std::int64_t parts_per_block(const TransformerSpec& spec, bool heads) {
  return heads ? spec.attention.n_heads : spec.mlp.d_mlp;
}

/// All parts of the chosen blocks compete with each other, so a block may lose more than another.
Ranking ranked(const Model& model, const std::vector<Tokens>& texts, const std::string& by,
               const LayerSurgeryOptions& options, std::uint64_t seed, std::int64_t draw) {
  const bool heads = options.parts == "heads";
  Ranking ranking{chosen_blocks(model.spec(), options), parts_per_block(model.spec(), heads), {}};
  const std::vector<double> measure = measure_of(model, texts, by, ranking, heads, seed, draw);
  ranking.order.resize(measure.size());
  std::iota(ranking.order.begin(), ranking.order.end(), 0);
  // Stable: equal measures keep the order of blocks and parts.
  std::stable_sort(ranking.order.begin(), ranking.order.end(), [&](std::int64_t a, std::int64_t b) {
    return measure[static_cast<std::size_t>(a)] < measure[static_cast<std::size_t>(b)];
  });
  return ranking;
}

}  // namespace lensbench::surgery
