#include "grading/gauge/turned_checkpoint.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/model_file.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "grading/exact/exact_model.hpp"
#include "grading/gauge/rotations.hpp"
#include "grading/plant/wiring.hpp"
#include "grading/truth/component_name.hpp"

// With rows x of the stream turned to x R^T, a reader W of the norm's output becomes R W, and a
// writer V becomes V R^T. A norm divides by a length, which no rotation changes.

namespace lensbench::grading {
namespace {

constexpr std::uint64_t kTurnStream = 1902;

at::Tensor indices(const std::vector<std::int64_t>& order) {
  return at::tensor(order, at::kLong);
}

class Turning {
 public:
  Turning(const ExactModel& model, std::uint64_t seed)
      : model_(model),
        spec_(model.spec),
        random_(seed, kTurnStream),
        turn_(model.positions.defined() ? rotation_of_mean_zero(random_, spec_.d_model)
                                        : rotation(random_, spec_.d_model)) {}

  std::map<std::string, at::Tensor> run() { return spec_.family == "gpt2" ? gpt2() : llama(); }
  const HeadNames& heads() const { return heads_; }

 private:
  /// A norm with new gains and, where it has a bias, new biases.
  struct Norm {
    at::Tensor gain, bias;
  };
  /// The weight [d_model, column] and bias of a reader of a new norm.
  struct Reading {
    at::Tensor weight, bias;
  };

  void store(const std::string& name, const at::Tensor& values) {
    tensors_[name] = values.to(at::kFloat).contiguous();
  }
  at::Tensor written(const at::Tensor& rows) const { return at::matmul(rows, turn_.t()); }

  Norm new_norm(const at::Tensor& gain, const at::Tensor& bias) {
    Norm norm{gain.abs().mean() * at::ones_like(gain), {}};
    for (std::int64_t i = 0; i < gain.numel(); ++i) norm.gain[i] *= 0.7 + 0.7 * random_.uniform();
    if (bias.defined()) norm.bias = 0.3 * normal_matrix(random_, 1, gain.numel()).flatten();
    return norm;
  }

  Reading read(const at::Tensor& weight, const at::Tensor& reader_bias, const at::Tensor& gain,
               const at::Tensor& bias, const Norm& norm) const {
    Reading reading;
    reading.weight = at::matmul(turn_, gain.unsqueeze(1) * weight) / norm.gain.unsqueeze(1);
    if (reader_bias.defined()) reading.bias = reader_bias;
    if (bias.defined())
      reading.bias = reader_bias + at::mv(weight.t(), bias) - at::mv(reading.weight.t(), norm.bias);
    return reading;
  }

  /// Final norm without its bias, whose contribution a bias before other gains gives.
  Norm new_final_norm() {
    if (model_.gain.eq(0).any().item<bool>())
      throw InputError("control gauge: the final norm has a gain of 0; leave the control out");
    Norm norm = new_norm(model_.gain, {});
    if (model_.bias.defined()) norm.bias = written(model_.bias / model_.gain) * norm.gain;
    return norm;
  }

  /// New order of the heads of a block, by groups that share keys and values.
  std::vector<std::int64_t> head_order(std::int64_t layer) {
    const AttentionSpec& attention = spec_.attention;
    const std::int64_t times = attention.n_heads / attention.n_key_value_heads;
    std::vector<std::int64_t> heads;
    for (const std::int64_t group : random_order(random_, attention.n_key_value_heads))
      for (std::int64_t i = 0; i < times; ++i) heads.push_back(group * times + i);
    for (std::size_t i = 0; i < heads.size(); ++i)
      heads_[component_name({ComponentPlace::Kind::head, layer, static_cast<std::int64_t>(i)})] =
          component_name({ComponentPlace::Kind::head, layer, heads[i]});
    return heads;
  }

  /// Columns of heads in a new order, each multiplied by its matrix: [row, head * d_head].
  at::Tensor turned_heads(const at::Tensor& columns, const std::vector<std::int64_t>& order,
                          const at::Tensor& turns) const {
    const std::int64_t rows = columns.dim() == 1 ? 1 : columns.size(0);
    const at::Tensor by_head =
        columns.reshape({rows, spec_.attention.n_heads, spec_.attention.d_head})
            .index_select(1, indices(order))
            .transpose(0, 1);  // [head, row, d_head]
    const at::Tensor turned = at::matmul(by_head, turns).transpose(0, 1);
    return turned.reshape(columns.sizes());
  }

  /// A matrix for each head, equal within groups that share keys and values: [head, d_head, d_head]
  at::Tensor head_turns() {
    const AttentionSpec& attention = spec_.attention;
    std::vector<at::Tensor> turns;
    for (std::int64_t group = 0; group < attention.n_key_value_heads; ++group) {
      const at::Tensor turn = rotation(random_, attention.d_head);
      turns.insert(turns.end(),
                   static_cast<std::size_t>(attention.n_heads / attention.n_key_value_heads), turn);
    }
    return at::stack(turns);
  }

  at::Tensor turned_output(const ExactBlock& block, const std::vector<std::int64_t>& order,
                           const at::Tensor& turns) const {
    const at::Tensor heads =
        at::matmul(turns.transpose(1, 2), block.output.index_select(0, indices(order)));
    return written(heads.reshape({-1, spec_.d_model}));
  }

  std::map<std::string, at::Tensor> gpt2() {
    store("transformer.wte.weight", written(model_.embedding));
    store("transformer.wpe.weight", written(model_.positions));
    for (std::int64_t layer = 0; layer < spec_.n_layers; ++layer) gpt2_block(layer);
    const Norm last = new_final_norm();
    store("transformer.ln_f.weight", last.gain);
    store("transformer.ln_f.bias", last.bias);
    store("lm_head.weight", read(model_.unembedding, {}, model_.gain, {}, last).weight.t());
    return std::move(tensors_);
  }

  void gpt2_block(std::int64_t layer) {
    const ExactBlock& block = model_.blocks[static_cast<std::size_t>(layer)];
    const std::string h = "transformer.h." + std::to_string(layer) + ".";
    const auto heads = head_order(layer);
    const at::Tensor key_turns = head_turns(), value_turns = head_turns();
    const Norm first = new_norm(block.gain1, block.bias1);
    std::vector<at::Tensor> weights, biases;
    const auto add = [&](const at::Tensor& weight, const at::Tensor& bias,
                         const at::Tensor& turns) {
      const Reading reading = read(weight, bias, block.gain1, block.bias1, first);
      weights.push_back(turned_heads(reading.weight, heads, turns));
      biases.push_back(turned_heads(reading.bias, heads, turns));
    };
    add(block.query, block.query_bias, key_turns);
    add(block.key, block.key_bias, key_turns);
    add(block.value, block.value_bias, value_turns);
    store(h + "ln_1.weight", first.gain);
    store(h + "ln_1.bias", first.bias);
    store(h + "attn.c_attn.weight", at::cat(weights, 1));
    store(h + "attn.c_attn.bias", at::cat(biases));
    store(h + "attn.c_proj.weight", turned_output(block, heads, value_turns));
    store(h + "attn.c_proj.bias", written(block.output_bias.unsqueeze(0)).flatten());

    const at::Tensor neurons = indices(random_order(random_, spec_.mlp.d_mlp));
    const Norm second = new_norm(block.gain2, block.bias2);
    const Reading in = read(block.in, block.in_bias, block.gain2, block.bias2, second);
    store(h + "ln_2.weight", second.gain);
    store(h + "ln_2.bias", second.bias);
    store(h + "mlp.c_fc.weight", in.weight.index_select(1, neurons));
    store(h + "mlp.c_fc.bias", in.bias.index_select(0, neurons));
    store(h + "mlp.c_proj.weight", written(block.out.index_select(0, neurons)));
    store(h + "mlp.c_proj.bias", written(block.out_bias.unsqueeze(0)).flatten());
  }

  std::map<std::string, at::Tensor> llama() {
    store("model.embed_tokens.weight", written(model_.embedding));
    for (std::int64_t layer = 0; layer < spec_.n_layers; ++layer) llama_block(layer);
    const Norm last = new_final_norm();
    store("model.norm.weight", last.gain);
    store("lm_head.weight", read(model_.unembedding, {}, model_.gain, {}, last).weight.t());
    return std::move(tensors_);
  }

  /// Columns of the first head of each group: [row, group * d_head].
  at::Tensor groups_of(const at::Tensor& columns) const {
    const AttentionSpec& attention = spec_.attention;
    return columns.reshape({columns.size(0), attention.n_key_value_heads, -1, attention.d_head})
        .select(2, 0)
        .reshape({columns.size(0), -1});
  }

  void llama_block(std::int64_t layer) {
    const ExactBlock& block = model_.blocks[static_cast<std::size_t>(layer)];
    const std::string h = "model.layers." + std::to_string(layer) + ".";
    const auto heads = head_order(layer);
    const AttentionSpec& attention = spec_.attention;
    // Rotary angles belong to fixed pairs of channels.
    const at::Tensor kept = at::eye(attention.d_head, at::kDouble)
                                .expand({attention.n_heads, attention.d_head, attention.d_head});
    const at::Tensor value_turns = head_turns();
    const Norm first = new_norm(block.gain1, {}), second = new_norm(block.gain2, {});
    const auto of_heads = [&](const at::Tensor& weight, const at::Tensor& turns) {
      return turned_heads(read(weight, {}, block.gain1, {}, first).weight, heads, turns);
    };
    store(h + "input_layernorm.weight", first.gain);
    store(h + "self_attn.q_proj.weight", of_heads(block.query, kept).t());
    store(h + "self_attn.k_proj.weight", groups_of(of_heads(block.key, kept)).t());
    store(h + "self_attn.v_proj.weight", groups_of(of_heads(block.value, value_turns)).t());
    store(h + "self_attn.o_proj.weight", turned_output(block, heads, value_turns).t());
    const at::Tensor neurons = indices(random_order(random_, spec_.mlp.d_mlp));
    const auto of_neurons = [&](const at::Tensor& weight) {
      return read(weight, {}, block.gain2, {}, second).weight.index_select(1, neurons).t();
    };
    store(h + "post_attention_layernorm.weight", second.gain);
    store(h + "mlp.gate_proj.weight", of_neurons(block.gate));
    store(h + "mlp.up_proj.weight", of_neurons(block.in));
    store(h + "mlp.down_proj.weight", written(block.out.index_select(0, neurons)).t());
  }

  const ExactModel& model_;
  const TransformerSpec& spec_;
  Philox random_;
  at::Tensor turn_;  ///< [d_model, d_model]
  HeadNames heads_;
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace

HeadNames write_turned(const std::filesystem::path& from, const std::filesystem::path& to,
                       std::uint64_t seed) {
  const Checkpoint checkpoint(from);
  const ExactModel model = read_exact_model(checkpoint);
  if (model.adds_to_norm())
    throw InputError(checkpoint.config_path().string() + ": control gauge: " + model.spec.family +
                     " has norms after the additions, whose gains fix the basis of the stream; "
                     "leave the control out");
  Turning turning(model, seed);
  write_safetensors(to / "model.safetensors", turning.run(), {{"format", "pt"}});
  nlohmann::json config = checkpoint.config();
  config["tie_word_embeddings"] = false;
  config.erase("torch_dtype");
  config["dtype"] = "float32";
  std::ofstream file(to / "config.json", std::ios::binary);
  file << config.dump(1) << "\n";
  file.close();
  if (!file) throw RunError((to / "config.json").string() + ": cannot be written");
  return turning.heads();
}

}  // namespace lensbench::grading
