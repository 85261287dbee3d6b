#include "grading/plant/assemble.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mv.h>

#include <cmath>
#include <utility>
#include <vector>

#include "grading/gauge/rotations.hpp"
#include "grading/plant/assembly_parts.hpp"

namespace lensbench::grading {
namespace {

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

  /// Rows of logical writes [row, d_model] in the basis of the stream, balanced to sum to zero.
  at::Tensor written(const at::Tensor& rows) const {
    return at::matmul(balanced(rows), basis_.t());
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
    at::Tensor ballast = zeros({1, d_});
    ballast[0][d_ - 2] = constant_;
    ballast[0][d_ - 1] = -constant_;
    store("transformer.wte.weight", written(as_rows(wiring_.embedding, wiring_.vocab(), d_)));
    store("transformer.wpe.weight",
          written(as_rows(wiring_.places, wiring_.sizes.n_positions, d_)) +
              at::matmul(ballast, basis_.t()));
    if (!wiring_.features.empty()) note_features(at::matmul(ballast, basis_.t()).flatten());
  }

  /// \param constant  what every position has besides features [d_model]
  void note_features(const at::Tensor& constant) {
    const auto numbers = [](const at::Tensor& values) {
      const double* data = values.data_ptr<double>();
      return std::vector<double>(data, data + values.numel());
    };
    FeatureTruth features{
        "blocks.0.hook_resid_pre", {}, wiring_.token_features, numbers(constant.contiguous())};
    for (const Terms& terms : wiring_.features) {
      at::Tensor row = zeros({1, d_});
      add_terms(row.data_ptr<double>(), terms);
      features.direction.push_back(numbers(written(row).contiguous()));
    }
    made_.features = std::move(features);
  }

  void attention(std::int64_t layer) {
    const std::string h = "transformer.h." + std::to_string(layer) + ".";
    const LogicalAttention heads = logical_attention(wiring_, layer, rotated_, random_, made_);
    const auto [weight, off] =
        read(heads.in.permute({1, 0, 2}).reshape({d_, 3 * d_}), norm(h + "ln_1"));
    store(h + "attn.c_attn.weight", weight);
    store(h + "attn.c_attn.bias", heads.bias.flatten() + off);
    store(h + "attn.c_proj.weight", written(heads.out));
    store(h + "attn.c_proj.bias", zeros({d_}));
  }

  void mlp(std::int64_t layer) {
    const std::string h = "transformer.h." + std::to_string(layer) + ".";
    const LogicalMlp neurons = logical_mlp(wiring_, layer, random_, made_);
    const auto [weight, off] = read(neurons.in.t(), norm(h + "ln_2"));
    store(h + "mlp.c_fc.weight", weight);
    store(h + "mlp.c_fc.bias", neurons.bias + off);
    store(h + "mlp.c_proj.weight", written(neurons.out));
    store(h + "mlp.c_proj.bias", written(neurons.constant).flatten());
  }

  /// The bias of the final norm adds a logit to each token, so that a lens that forgets it is
  /// wrong.
  void unembedding() {
    const at::Tensor columns = as_rows(wiring_.unembedding, wiring_.vocab(), d_).t();
    Norm last{zeros({d_}), zeros({d_})};
    for (std::int64_t i = 0; i < d_; ++i) last.gain[i] = 0.7 + 0.7 * random_.uniform();
    at::Tensor added = 0.04 * normal_matrix(random_, d_, 1).flatten();
    if (!wiring_.final_bias.empty()) {
      added.zero_();
      add_terms(added.data_ptr<double>(), wiring_.final_bias);
    }
    last.bias = last.gain * at::mv(basis_, added);
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
  if (wiring.sizes.family == PlantedFamily::llama)
    return assemble_llama(std::move(wiring), gauge, random);
  if (wiring.sizes.family == PlantedFamily::bert)
    return assemble_bert(std::move(wiring), gauge, random);
  return Assembly(std::move(wiring), gauge, random).run();
}

}  // namespace lensbench::grading
