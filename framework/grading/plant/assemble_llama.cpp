#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <set>
#include <utility>

#include "core/text/suggest.hpp"
#include "grading/gauge/rotations.hpp"
#include "grading/plant/assembly_parts.hpp"
#include "grading/plant/rotary_group.hpp"
#include "grading/truth/component_name.hpp"

namespace lensbench::grading {
namespace {

// SiLU of a number that is so much larger is as sharp as GELU: 0 or the identity to rounding where
// GELU is.
constexpr double kSharpness = 4.0;

class LlamaAssembly {
 public:
  LlamaAssembly(Wiring wiring, Gauge gauge, Philox& random)
      : wiring_(std::move(wiring)),
        random_(random),
        rotated_(gauge == Gauge::rotated),
        d_(wiring_.d_model()),
        // One dimension carries what two carry where the norm has a mean.
        constant_{d_ - 1, std::sqrt(2.0) * (rotated_ ? 256.0 : 1024.0)},
        angles_{wiring_.sizes.d_head, wiring_.sizes.n_positions},
        basis_(rotated_ ? rotation(random, d_) : permutation(random, d_)) {}

  Assembled run() {
    const at::Tensor tokens = as_rows(wiring_.embedding, wiring_.vocab(), d_);
    tokens.select(1, constant_.dimension).fill_(constant_.value);
    store("model.embed_tokens.weight", written(tokens));
    for (std::int64_t layer = 0; layer < wiring_.sizes.n_layers; ++layer) {
      require_full(wiring_, layer);
      attention(layer);
      mlp(layer);
    }
    unembedding();
    order_components(made_.components);
    made_.config = config();
    return std::move(made_);
  }

 private:
  void store(const std::string& name, const at::Tensor& values) {
    made_.tensors[name] = values.to(at::kFloat).contiguous();
  }

  /// Rows of logical writes [row, d_model] in the basis of the stream.
  at::Tensor written(const at::Tensor& rows) const { return at::matmul(rows, basis_.t()); }

  /// A random gain [d_model], stored with the factor that makes up for the constant scale.
  at::Tensor gain(const std::string& name) {
    at::Tensor values = zeros({d_});
    for (std::int64_t i = 0; i < d_; ++i) values[i] = 0.7 + 0.7 * random_.uniform();
    store(name + ".weight", values * (constant_.value / std::sqrt(static_cast<double>(d_))));
    return values;
  }

  /// Columns of logical reads [d_model, column] of what a norm returns.
  at::Tensor read(const at::Tensor& columns, const at::Tensor& gain) const {
    return at::matmul(basis_, columns) / gain.unsqueeze(1);
  }

  std::string block_name(std::int64_t layer) const {
    return "model.layers." + std::to_string(layer) + ".";
  }

  /// Groups in random order, and the heads of each in random order.
  std::vector<std::vector<Head>> groups(std::int64_t layer) {
    const auto& heads = wiring_.blocks[static_cast<std::size_t>(layer)].heads;
    const std::int64_t size = wiring_.sizes.heads_per_key;
    std::vector<std::vector<Head>> all;
    for (const std::int64_t group : random_order(random_, wiring_.sizes.n_heads / size)) {
      all.emplace_back();
      for (const std::int64_t i : random_order(random_, size))
        all.back().push_back(heads[static_cast<std::size_t>(group * size + i)]);
    }
    return all;
  }

  void attention(std::int64_t layer) {
    const std::string h = block_name(layer);
    const at::Tensor norm = gain(h + "input_layernorm");
    std::vector<at::Tensor> query, key, value, output;
    std::set<std::string> roles;
    std::int64_t index = 0;
    for (const std::vector<Head>& heads : groups(layer)) {
      const GroupWeights group = group_weights(heads, angles_, d_, constant_, rotated_, random_);
      query.insert(query.end(), group.query.begin(), group.query.end());
      output.insert(output.end(), group.output.begin(), group.output.end());
      key.push_back(group.key);
      value.push_back(group.value);
      for (const Head& head : heads) {
        made_.components.push_back(
            {component_name({ComponentPlace::Kind::head, layer, index++}), "head", head.role});
        roles.insert(head.role);
      }
    }
    store(h + "self_attn.q_proj.weight", read(at::cat(query, 1), norm).t());
    store(h + "self_attn.k_proj.weight", read(at::cat(key, 1), norm).t());
    store(h + "self_attn.v_proj.weight", read(at::cat(value, 1), norm).t());
    store(h + "self_attn.o_proj.weight", written(at::cat(output)).t());
    made_.components.push_back({component_name({ComponentPlace::Kind::attention, layer, 0}),
                                "attention", join({roles.begin(), roles.end()}, "+")});
  }

  /// A sum of logical dimensions and a constant, times a factor.
  void fill(const at::Tensor& rows, std::int64_t row, const Terms& terms, double bias,
            double factor) const {
    double* values = rows.data_ptr<double>() + row * d_;
    add_terms(values, terms, factor);
    values[constant_.dimension] += factor * bias / constant_.value;
  }

  void mlp(std::int64_t layer) {
    const Block& block = wiring_.blocks[static_cast<std::size_t>(layer)];
    if (!block.mlp_bias.empty())
      throw UsageError("planted model: block " + std::to_string(layer) +
                       " writes a constant, but the MLP of a Llama does not have a bias; use a "
                       "neuron that every token activates");
    const std::int64_t n = wiring_.sizes.d_mlp;
    at::Tensor gate = zeros({n, d_}), up = zeros({n, d_}), out = zeros({n, d_});
    std::set<std::string> roles;
    std::int64_t i = 0;
    for (const std::int64_t place : random_order(random_, n)) {
      const Neuron& neuron = block.neurons[static_cast<std::size_t>(place)];
      fill(gate, i, neuron.in, neuron.bias, kSharpness);
      fill(up, i, neuron.factor, neuron.factor_bias, 1 / kSharpness);
      add_terms(out.data_ptr<double>() + i * d_, neuron.out);
      roles.insert(neuron.role);
      if (neuron.role != "filler")
        made_.neurons.push_back(
            {component_name({ComponentPlace::Kind::neuron, layer, i}), "", neuron.role});
      ++i;
    }
    const std::string h = block_name(layer);
    const at::Tensor norm = gain(h + "post_attention_layernorm");
    store(h + "mlp.gate_proj.weight", read(gate.t(), norm).t());
    store(h + "mlp.up_proj.weight", read(up.t(), norm).t());
    store(h + "mlp.down_proj.weight", written(out).t());
    made_.components.push_back({component_name({ComponentPlace::Kind::mlp, layer, 0}), "mlp",
                                join({roles.begin(), roles.end()}, "+")});
  }

  /// The constant adds a logit to each token, so that a lens that forgets the norm is wrong.
  void unembedding() {
    at::Tensor columns = as_rows(wiring_.unembedding, wiring_.vocab(), d_).t();
    for (std::int64_t token = 0; token < wiring_.vocab(); ++token)
      columns[constant_.dimension][token] += 0.3 * random_.normal() / constant_.value;
    store("lm_head.weight", read(columns, gain("model.norm")).t());
  }

  nlohmann::json config() const {
    const WiringSizes& sizes = wiring_.sizes;
    return {{"model_type", "llama"},
            {"architectures", {"LlamaForCausalLM"}},
            {"num_hidden_layers", sizes.n_layers},
            {"num_attention_heads", sizes.n_heads},
            {"num_key_value_heads", sizes.n_heads / sizes.heads_per_key},
            {"hidden_size", d_},
            {"head_dim", sizes.d_head},
            {"intermediate_size", sizes.d_mlp},
            {"vocab_size", wiring_.vocab()},
            {"max_position_embeddings", sizes.n_positions},
            {"rms_norm_eps", 1e-6},
            {"rope_theta", angles_.theta},
            {"hidden_act", "silu"},
            {"tie_word_embeddings", false},
            {"attention_bias", false},
            {"mlp_bias", false},
            {"bos_token_id", 0},
            {"eos_token_id", 0},
            {"dtype", "float32"}};
  }

  Wiring wiring_;
  Philox& random_;
  bool rotated_;
  std::int64_t d_;
  ConstantDimension constant_;
  RotaryAngles angles_;
  at::Tensor basis_;  ///< [stream, logical]
  Assembled made_;
};

}  // namespace

Assembled assemble_llama(Wiring wiring, Gauge gauge, Philox& random) {
  return LlamaAssembly(std::move(wiring), gauge, random).run();
}

}  // namespace lensbench::grading
