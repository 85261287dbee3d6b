#include "grading/plant/assemble.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mv.h>
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

at::Tensor zeros(at::IntArrayRef sizes) {
  return at::zeros(sizes, at::kDouble);
}

at::Tensor permutation(Philox& random, std::int64_t n) {
  at::Tensor matrix = zeros({n, n});
  const auto order = random_order(random, n);
  for (std::int64_t i = 0; i < n; ++i) matrix[order[static_cast<std::size_t>(i)]][i] = 1.0;
  return matrix;
}

void add_terms(double* row, const Terms& terms, double factor = 1.0) {
  for (const Term& term : terms) row[term.dimension] += factor * term.weight;
}

class Assembly {
 public:
  Assembly(Wiring wiring, Gauge gauge, Philox& random)
      : wiring_(std::move(wiring)),
        random_(random),
        rotated_(gauge == Gauge::rotated),
        d_(wiring_.d_model()),
        constant_(rotated_ ? 256.0 : 1024.0),
        basis_(rotated_ ? rotation_of_mean_zero(random, d_) : permutation(random, d_)) {}

  Assembled run() {
    write_tokens();
    for (std::int64_t layer = 0; layer < wiring_.sizes.n_layers; ++layer) {
      attention(layer);
      mlp(layer);
    }
    unembedding();
    std::stable_sort(made_.components.begin(), made_.components.end(),
                     [](const Role& a, const Role& b) { return rank(a) < rank(b); });
    made_.config = config();
    return std::move(made_);
  }

 private:
  static int rank(const Role& role) { return role.kind == "head" ? 0 : role.kind == "mlp" ? 1 : 2; }

  void store(const std::string& name, const at::Tensor& values) {
    made_.tensors[name] = values.to(at::kFloat).contiguous();
  }

  /// Rows of logical writes [row, d_model] in the basis of the stream, balanced to sum to zero.
  at::Tensor written(at::Tensor rows) const {
    rows.select(1, d_ - 3).copy_(-rows.narrow(1, 0, d_ - 3).sum(1));
    return at::matmul(rows, basis_.t());
  }

  struct Norm {
    at::Tensor gain, bias;  ///< [d_model], gain without the constant scale
  };

  Norm norm(const std::string& name) {
    Norm norm{zeros({d_}), zeros({d_})};
    for (std::int64_t i = 0; i < d_; ++i) {
      norm.gain[i] = 0.7 + 0.7 * random_.uniform();
      norm.bias[i] = 0.3 * random_.normal();
    }
    store_norm(name, norm);
    return norm;
  }

  void store_norm(const std::string& name, const Norm& norm) {
    const double scale = constant_ * std::sqrt(2.0 / static_cast<double>(d_));
    store(name + ".weight", norm.gain * scale);
    store(name + ".bias", norm.bias);
  }

  /// Columns of logical reads [d_model, column] of what a norm returns, and the bias that takes off
  /// the norm's.
  std::pair<at::Tensor, at::Tensor> read(const at::Tensor& columns, const Norm& norm) const {
    const at::Tensor weight = at::matmul(basis_, columns) / norm.gain.unsqueeze(1);
    return {weight, -at::mv(weight.t(), norm.bias)};
  }

  void write_tokens() {
    at::Tensor tokens = zeros({wiring_.vocab(), d_}),
               places = zeros({wiring_.sizes.n_positions, d_});
    for (const Written& entry : wiring_.embedding)
      tokens[entry.row][entry.dimension] += entry.weight;
    for (const Written& entry : wiring_.places) places[entry.row][entry.dimension] += entry.weight;
    at::Tensor ballast = zeros({1, d_});
    ballast[0][d_ - 2] = constant_;
    ballast[0][d_ - 1] = -constant_;
    store("transformer.wte.weight", written(tokens));
    store("transformer.wpe.weight", written(places) + at::matmul(ballast, basis_.t()));
  }

  void attention(std::int64_t layer) {
    Block& block = wiring_.blocks[static_cast<std::size_t>(layer)];
    const std::int64_t dh = wiring_.sizes.d_head, n = wiring_.sizes.n_heads;
    if (static_cast<std::int64_t>(block.heads.size()) != n)
      throw UsageError("planted model: block " + std::to_string(layer) + " has too many heads");
    // Columns: the queries, keys and values of all heads in their final order.
    at::Tensor in = zeros({3, d_, d_}), bias = zeros({3, d_}), out = zeros({d_, d_});
    const auto order = random_order(random_, n);
    std::set<std::string> roles;
    for (std::int64_t i = 0; i < n; ++i) {
      const Head& head = block.heads[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
      head_weights(head, in.narrow(2, i * dh, dh), bias.narrow(1, i * dh, dh),
                   out.narrow(0, i * dh, dh));
      made_.components.push_back(
          {component_name({ComponentPlace::Kind::head, layer, i}), "head", head.role});
      roles.insert(head.role);
    }
    const std::string h = "transformer.h." + std::to_string(layer) + ".";
    const auto [weight, off] = read(in.permute({1, 0, 2}).reshape({d_, 3 * d_}), norm(h + "ln_1"));
    store(h + "attn.c_attn.weight", weight);
    store(h + "attn.c_attn.bias", bias.flatten() + off);
    store(h + "attn.c_proj.weight", written(out));
    store(h + "attn.c_proj.bias", zeros({d_}));
    made_.components.push_back({component_name({ComponentPlace::Kind::attention, layer, 0}),
                                "attention", join({roles.begin(), roles.end()}, "+")});
  }

  /// \param in [3, d_model, d_head]  \param bias [3, d_head]  \param out [d_head, d_model]
  void head_weights(const Head& head, at::Tensor in, at::Tensor bias, at::Tensor out) {
    const std::int64_t dh = wiring_.sizes.d_head;
    if (static_cast<std::int64_t>(std::max(head.scores.size(), head.moves.size())) > dh)
      throw UsageError("planted model: head '" + head.role + "' needs more than " +
                       std::to_string(dh) + " channels");
    at::Tensor query = zeros({dh, d_}), key = zeros({dh, d_}), value = zeros({dh, d_}),
               to = zeros({dh, d_}), biases = zeros({2, dh});
    std::int64_t channel = 0;
    for (const Head::Score& score : head.scores) {
      // Both sides have the same share of the height; the model divides by the root of d_head.
      const double side = std::sqrt(std::fabs(score.height) * std::sqrt(static_cast<double>(dh)));
      const double sign = score.height < 0 ? -1.0 : 1.0;
      add_terms(query.data_ptr<double>() + channel * d_, score.query, sign * side);
      add_terms(key.data_ptr<double>() + channel * d_, score.key, side);
      biases[0][channel] = sign * side * score.query_bias;
      biases[1][channel++] = side * score.key_bias;
    }
    channel = 0;
    for (const Head::Move& move : head.moves) {
      add_terms(value.data_ptr<double>() + channel * d_, move.from);
      add_terms(to.data_ptr<double>() + channel++ * d_, move.to);
    }
    const at::Tensor turn = rotated_ ? rotation(random_, dh) : permutation(random_, dh);
    const at::Tensor turn_value = rotated_ ? rotation(random_, dh) : permutation(random_, dh);
    in[0].copy_(at::matmul(query.t(), turn));
    in[1].copy_(at::matmul(key.t(), turn));
    in[2].copy_(at::matmul(value.t(), turn_value));
    bias.narrow(0, 0, 2).copy_(at::matmul(biases, turn));
    out.copy_(at::matmul(turn_value.t(), to));
  }

  void mlp(std::int64_t layer) {
    const Block& block = wiring_.blocks[static_cast<std::size_t>(layer)];
    const std::int64_t n = wiring_.sizes.d_mlp;
    if (static_cast<std::int64_t>(block.neurons.size()) != n)
      throw UsageError("planted model: block " + std::to_string(layer) + " has too many neurons");
    at::Tensor in = zeros({n, d_}), bias = zeros({n}), out = zeros({n, d_}),
               constant = zeros({1, d_});
    const auto order = random_order(random_, n);
    std::set<std::string> roles;
    std::vector<Role> named;
    for (std::int64_t i = 0; i < n; ++i) {
      const Neuron& neuron =
          block.neurons[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
      add_terms(in.data_ptr<double>() + i * d_, neuron.in);
      add_terms(out.data_ptr<double>() + i * d_, neuron.out);
      bias[i] = neuron.bias;
      roles.insert(neuron.role);
      if (neuron.role != "filler")
        named.push_back(
            {component_name({ComponentPlace::Kind::neuron, layer, i}), "", neuron.role});
    }
    add_terms(constant.data_ptr<double>(), block.mlp_bias);
    const std::string h = "transformer.h." + std::to_string(layer) + ".";
    const auto [weight, off] = read(in.t(), norm(h + "ln_2"));
    store(h + "mlp.c_fc.weight", weight);
    store(h + "mlp.c_fc.bias", bias + off);
    store(h + "mlp.c_proj.weight", written(out));
    store(h + "mlp.c_proj.bias", written(constant).flatten());
    made_.components.push_back({component_name({ComponentPlace::Kind::mlp, layer, 0}), "mlp",
                                join({roles.begin(), roles.end()}, "+")});
    made_.neurons.insert(made_.neurons.end(), named.begin(), named.end());
  }

  /// The bias of the final norm adds a logit to each token, so that a lens that forgets it is
  /// wrong.
  void unembedding() {
    at::Tensor columns = zeros({d_, wiring_.vocab()});
    for (const Written& entry : wiring_.unembedding)
      columns[entry.dimension][entry.row] += entry.weight;
    Norm last{zeros({d_}), zeros({d_})};
    for (std::int64_t i = 0; i < d_; ++i) last.gain[i] = 0.7 + 0.7 * random_.uniform();
    last.bias = last.gain * at::mv(basis_, 0.04 * normal_matrix(random_, d_, 1).flatten());
    store_norm("transformer.ln_f", last);
    store("lm_head.weight", (at::matmul(basis_, columns) / last.gain.unsqueeze(1)).t());
  }

  nlohmann::json config() const {
    const WiringSizes& sizes = wiring_.sizes;
    return {{"model_type", "gpt2"},
            {"architectures", {"GPT2LMHeadModel"}},
            {"n_layer", sizes.n_layers},
            {"n_head", sizes.n_heads},
            {"n_embd", d_},
            {"n_positions", sizes.n_positions},
            {"n_ctx", sizes.n_positions},
            {"n_inner", sizes.d_mlp},
            {"vocab_size", wiring_.vocab()},
            {"activation_function", "gelu_new"},
            {"layer_norm_epsilon", 1e-5},
            {"tie_word_embeddings", false},
            {"attn_pdrop", 0.0},
            {"embd_pdrop", 0.0},
            {"resid_pdrop", 0.0},
            {"initializer_range", 0.02},
            {"scale_attn_weights", true},
            {"scale_attn_by_inverse_layer_idx", false},
            {"reorder_and_upcast_attn", false},
            {"bos_token_id", 0},
            {"eos_token_id", 0},
            {"dtype", "float32"}};
  }

  Wiring wiring_;
  Philox& random_;
  bool rotated_;
  std::int64_t d_;
  double constant_;
  at::Tensor basis_;  ///< [stream, logical]
  Assembled made_;
};

}  // namespace

Assembled assemble(Wiring wiring, Gauge gauge, Philox& random) {
  return Assembly(std::move(wiring), gauge, random).run();
}

}  // namespace lensbench::grading
