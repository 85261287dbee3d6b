#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mv.h>

#include <cmath>
#include <utility>

#include "grading/gauge/rotations.hpp"
#include "grading/plant/assembly_parts.hpp"

namespace lensbench::grading {
namespace {

// GELU is the identity of what the prediction head adds this to: nothing in it is as negative.
constexpr double kLift = 80.0;
// Constant of the prediction head, in one dimension: GELU does not let a negative one pass.
constexpr double kHeadConstant = 1024.0;

class BertAssembly {
 public:
  BertAssembly(Wiring wiring, Gauge gauge, Philox& random)
      : wiring_(std::move(wiring)),
        random_(random),
        rotated_(gauge == Gauge::rotated),
        d_(wiring_.d_model()),
        constant_(rotated_ ? 256.0 : 1024.0),
        basis_(rotated_ ? rotation_of_mean_zero(random, d_) : permutation(random, d_)),
        biases_(zeros({d_})) {}

  Assembled run() {
    embedding();
    for (std::int64_t layer = 0; layer < wiring_.sizes.n_layers; ++layer) {
      require_full(wiring_, layer);
      const std::string h = "bert.encoder.layer." + std::to_string(layer) + ".";
      attention(layer, h);
      mlp(layer, h);
    }
    prediction_head();
    order_components(made_.components);
    made_.config = config();
    return std::move(made_);
  }

 private:
  void store(const std::string& name, const at::Tensor& values) {
    made_.tensors[name] = values.to(at::kFloat).contiguous();
  }

  at::Tensor written(const at::Tensor& rows) const {
    return at::matmul(balanced(rows), basis_.t());
  }

  /// A linear layer that reads logical columns [d_model, column] of the stream, without the biases
  /// that the norms so far have added.
  void store_reader(const std::string& name, const at::Tensor& columns, const at::Tensor& bias) {
    const at::Tensor weight = at::matmul(basis_, columns);
    store(name + ".weight", weight.t());
    store(name + ".bias", bias - at::mv(weight.t(), biases_));
  }

  void store_writer(const std::string& name, const at::Tensor& rows, const at::Tensor& constant) {
    store(name + ".weight", written(rows).t());
    store(name + ".bias", written(constant).flatten());
  }

  /// A norm whose gain makes up for the constant scale. Its bias sums to zero, since the next norm
  /// takes a mean off.
  void store_norm(const std::string& name) {
    at::Tensor bias = 0.1 * normal_matrix(random_, d_, 1).flatten();
    bias = bias - bias.mean();
    const double gain = constant_ * std::sqrt(2.0 / static_cast<double>(d_));
    store(name + ".weight", at::full({d_}, gain, at::kDouble));
    store(name + ".bias", bias);
    biases_ = biases_ + bias;
  }

  void embedding() {
    const std::string h = "bert.embeddings.";
    at::Tensor ballast = zeros({1, d_});
    ballast[0][d_ - 2] = constant_;
    ballast[0][d_ - 1] = -constant_;
    store(h + "word_embeddings.weight", written(as_rows(wiring_.embedding, wiring_.vocab(), d_)));
    store(h + "position_embeddings.weight",
          written(as_rows(wiring_.places, wiring_.sizes.n_positions, d_)) +
              at::matmul(ballast, basis_.t()));
    store(h + "token_type_embeddings.weight", zeros({2, d_}));
    store_norm(h + "LayerNorm");
  }

  void attention(std::int64_t layer, const std::string& h) {
    const LogicalAttention heads = logical_attention(wiring_, layer, rotated_, random_, made_);
    const char* names[] = {"query", "key", "value"};
    for (std::int64_t i = 0; i < 3; ++i)
      store_reader(h + "attention.self." + names[i], heads.in[i], heads.bias[i]);
    store_writer(h + "attention.output.dense", heads.out, zeros({1, d_}));
    store_norm(h + "attention.output.LayerNorm");
  }

  void mlp(std::int64_t layer, const std::string& h) {
    const LogicalMlp neurons = logical_mlp(wiring_, layer, random_, made_);
    store_reader(h + "intermediate.dense", neurons.in.t(), neurons.bias);
    store_writer(h + "output.dense", neurons.out, neurons.constant);
    store_norm(h + "output.LayerNorm");
  }

  /// Dense layer, GELU, norm and decoder. The dense layer takes the logical dimensions in another
  /// order, leaves out those that carry the scale of the stream, and adds so much to all that GELU
  /// changes nothing; one of the dimensions that are free then carries the scale of the norm.
  void prediction_head() {
    const std::string h = "cls.predictions.";
    const at::Tensor order = permutation(random_, d_);  // [place in the head, logical]
    at::Tensor kept = order.clone();
    kept.narrow(1, d_ - 2, 2).zero_();
    const at::Tensor ballast = order.select(1, d_ - 1) * kHeadConstant;
    store_reader(h + "transform.dense", kept.t(), ballast + kLift);
    at::Tensor gain = zeros({d_});
    for (std::int64_t i = 0; i < d_; ++i) gain[i] = 0.7 + 0.7 * random_.uniform();
    const double share = 1.0 / static_cast<double>(d_);
    store(h + "transform.LayerNorm.weight",
          gain * (kHeadConstant * std::sqrt(share * (1 - share))));
    // The bias of the norm adds a logit to each token, so that a lens that forgets it is wrong.
    store(h + "transform.LayerNorm.bias", gain * (0.04 * normal_matrix(random_, d_, 1).flatten()));
    const at::Tensor columns = as_rows(wiring_.unembedding, wiring_.vocab(), d_).t();
    store(h + "decoder.weight", (at::matmul(order, columns) / gain.unsqueeze(1)).t());
    // The norm takes off the mean that the constant has.
    const at::Tensor bias = columns.sum(0) * (kHeadConstant * share);
    store(h + "decoder.bias", bias);
    store(h + "bias", bias);
  }

  nlohmann::json config() const {
    const WiringSizes& sizes = wiring_.sizes;
    return {{"model_type", "bert"},
            {"architectures", {"BertForMaskedLM"}},
            {"num_hidden_layers", sizes.n_layers},
            {"num_attention_heads", sizes.n_heads},
            {"hidden_size", d_},
            {"intermediate_size", sizes.d_mlp},
            {"vocab_size", wiring_.vocab()},
            {"max_position_embeddings", sizes.n_positions},
            {"type_vocab_size", 2},
            {"layer_norm_eps", 1e-12},
            {"hidden_act", "gelu"},
            {"position_embedding_type", "absolute"},
            {"tie_word_embeddings", false},
            {"hidden_dropout_prob", 0.0},
            {"attention_probs_dropout_prob", 0.0},
            {"pad_token_id", 0},
            {"dtype", "float32"}};
  }

  Wiring wiring_;
  Philox& random_;
  bool rotated_;
  std::int64_t d_;
  double constant_;
  at::Tensor basis_;   ///< [stream, logical]
  at::Tensor biases_;  ///< what the norms so far have added to the stream [d_model]
  Assembled made_;
};

}  // namespace

Assembled assemble_bert(Wiring wiring, Gauge gauge, Philox& random) {
  return BertAssembly(std::move(wiring), gauge, random).run();
}

}  // namespace lensbench::grading
