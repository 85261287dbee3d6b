#include "grading/plant/assembly_parts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <set>

#include "core/text/suggest.hpp"
#include "grading/gauge/rotations.hpp"
#include "grading/truth/component_name.hpp"

namespace lensbench::grading {
namespace {

/// \param in [3, d_model, d_head]  \param bias [3, d_head]  \param out [d_head, d_model]
void fill_head_weights(const Head& head, const at::Tensor& in, const at::Tensor& bias,
                       const at::Tensor& out, bool turned, Philox& random) {
  if (head.distance)
    throw UsageError("planted model: head '" + head.role +
                     "' attends by distance, which needs rotary positions; match places instead");
  const std::int64_t dh = in.size(2), d = in.size(1);
  require_channels(head.role, static_cast<std::int64_t>(head.scores.size()), dh);
  require_channels(head.role, static_cast<std::int64_t>(head.moves.size()), dh);
  at::Tensor query = zeros({dh, d}), key = zeros({dh, d}), value = zeros({dh, d}),
             to = zeros({dh, d}), biases = zeros({2, dh});
  std::int64_t channel = 0;
  for (const Head::Score& score : head.scores) {
    // Both sides have the same share of the height; the model divides by the root of d_head.
    const double side = std::sqrt(std::fabs(score.height) * std::sqrt(static_cast<double>(dh)));
    const double sign = score.height < 0 ? -1.0 : 1.0;
    add_terms(query.data_ptr<double>() + channel * d, score.query, sign * side);
    add_terms(key.data_ptr<double>() + channel * d, score.key, side);
    biases[0][channel] = sign * side * score.query_bias;
    biases[1][channel++] = side * score.key_bias;
  }
  channel = 0;
  for (const Head::Move& move : head.moves) {
    add_terms(value.data_ptr<double>() + channel * d, move.from);
    add_terms(to.data_ptr<double>() + channel++ * d, move.to);
  }
  const at::Tensor turn = turned ? rotation(random, dh) : permutation(random, dh);
  const at::Tensor turn_value = turned ? rotation(random, dh) : permutation(random, dh);
  in[0].copy_(at::matmul(query.t(), turn));
  in[1].copy_(at::matmul(key.t(), turn));
  in[2].copy_(at::matmul(value.t(), turn_value));
  bias.narrow(0, 0, 2).copy_(at::matmul(biases, turn));
  out.copy_(at::matmul(turn_value.t(), to));
}

}  // namespace

at::Tensor zeros(at::IntArrayRef sizes) {
  return at::zeros(sizes, at::kDouble);
}

at::Tensor permutation(Philox& random, std::int64_t n) {
  at::Tensor matrix = zeros({n, n});
  const auto order = random_order(random, n);
  for (std::int64_t i = 0; i < n; ++i) matrix[order[static_cast<std::size_t>(i)]][i] = 1.0;
  return matrix;
}

void add_terms(double* row, const Terms& terms, double factor) {
  for (const Term& term : terms) row[term.dimension] += factor * term.weight;
}

at::Tensor as_rows(const std::vector<Written>& entries, std::int64_t rows, std::int64_t d_model) {
  at::Tensor table = zeros({rows, d_model});
  for (const Written& entry : entries) table[entry.row][entry.dimension] += entry.weight;
  return table;
}

at::Tensor balanced(const at::Tensor& rows) {
  const std::int64_t balance = rows.size(1) - 3;
  at::Tensor result = rows.clone();
  result.select(1, balance).copy_(-rows.narrow(1, 0, balance).sum(1));
  return result;
}

LogicalAttention logical_attention(const Wiring& wiring, std::int64_t layer, bool turned,
                                   Philox& random, Assembled& made) {
  const auto& heads = wiring.blocks[static_cast<std::size_t>(layer)].heads;
  const std::int64_t d = wiring.d_model(), dh = wiring.sizes.d_head, n = wiring.sizes.n_heads;
  LogicalAttention attention{zeros({3, d, d}), zeros({3, d}), zeros({d, d})};
  std::set<std::string> roles;
  std::int64_t i = 0;
  for (const std::int64_t place : random_order(random, n)) {
    const Head& head = heads[static_cast<std::size_t>(place)];
    fill_head_weights(head, attention.in.narrow(2, i * dh, dh),
                      attention.bias.narrow(1, i * dh, dh), attention.out.narrow(0, i * dh, dh),
                      turned, random);
    made.components.push_back(
        {component_name({ComponentPlace::Kind::head, layer, i++}), "head", head.role});
    roles.insert(head.role);
  }
  made.components.push_back({component_name({ComponentPlace::Kind::attention, layer, 0}),
                             "attention", join({roles.begin(), roles.end()}, "+")});
  return attention;
}

LogicalMlp logical_mlp(const Wiring& wiring, std::int64_t layer, Philox& random, Assembled& made) {
  const Block& block = wiring.blocks[static_cast<std::size_t>(layer)];
  const std::int64_t d = wiring.d_model(), n = wiring.sizes.d_mlp;
  LogicalMlp mlp{zeros({n, d}), zeros({n}), zeros({n, d}), zeros({1, d})};
  std::set<std::string> roles;
  std::int64_t i = 0;
  for (const std::int64_t place : random_order(random, n)) {
    const Neuron& neuron = block.neurons[static_cast<std::size_t>(place)];
    if (!neuron.factor.empty())
      throw UsageError("planted model: neuron '" + neuron.role +
                       "' is multiplied by a sum, which needs a gated MLP; leave the factor out");
    add_terms(mlp.in.data_ptr<double>() + i * d, neuron.in);
    add_terms(mlp.out.data_ptr<double>() + i * d, neuron.out);
    mlp.bias[i] = neuron.bias;
    roles.insert(neuron.role);
    if (neuron.role != "filler")
      made.neurons.push_back(
          {component_name({ComponentPlace::Kind::neuron, layer, i}), "", neuron.role});
    ++i;
  }
  add_terms(mlp.constant.data_ptr<double>(), block.mlp_bias);
  made.components.push_back({component_name({ComponentPlace::Kind::mlp, layer, 0}), "mlp",
                             join({roles.begin(), roles.end()}, "+")});
  return mlp;
}

void require_full(const Wiring& wiring, std::int64_t layer) {
  const Block& block = wiring.blocks[static_cast<std::size_t>(layer)];
  const std::string subject = "planted model: block " + std::to_string(layer) + " has too many ";
  if (static_cast<std::int64_t>(block.heads.size()) != wiring.sizes.n_heads)
    throw UsageError(subject + "heads");
  if (static_cast<std::int64_t>(block.neurons.size()) != wiring.sizes.d_mlp)
    throw UsageError(subject + "neurons");
}

void require_channels(const std::string& role, std::int64_t needed, std::int64_t channels) {
  if (needed > channels)
    throw UsageError("planted model: head '" + role + "' needs " + std::to_string(needed) +
                     " channels, and has " + std::to_string(channels));
}

void order_components(std::vector<Role>& components) {
  const auto rank = [](const Role& role) {
    return role.kind == "head" ? 0 : role.kind == "mlp" ? 1 : 2;
  };
  std::stable_sort(components.begin(), components.end(),
                   [&](const Role& a, const Role& b) { return rank(a) < rank(b); });
}

}  // namespace lensbench::grading
