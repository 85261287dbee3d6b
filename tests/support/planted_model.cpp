#include "support/planted_model.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "checkpoint/weights/safetensors.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {
namespace {

constexpr double kReserved = 1024.0;
/// Rows of OPT's table of positions before that of position 0.
constexpr std::int64_t kPositionOffset = 2;

/// First coordinate of the pair of a feature; the reserved pair is the first.
std::int64_t coordinate(std::int64_t feature) {
  return 2 + 2 * feature;
}

void add_to(at::Tensor& tensor, std::int64_t row, std::int64_t column, double value) {
  tensor[row][column] += value;
}

nlohmann::json config_of(const PlantedShape& shape, std::int64_t d_model) {
  return {{"model_type", "opt"},
          {"architectures", {"OPTForCausalLM"}},
          {"num_hidden_layers", shape.n_layers},
          {"num_attention_heads", shape.n_heads},
          {"hidden_size", d_model},
          {"word_embed_proj_dim", d_model},
          {"ffn_dim", shape.n_neurons},
          {"max_position_embeddings", shape.n_positions},
          {"vocab_size", shape.vocabulary.size()},
          {"activation_function", "relu"},
          {"do_layer_norm_before", true},
          {"tie_word_embeddings", false},
          {"torch_dtype", "float32"}};
}

nlohmann::json tokenizer_of(const PlantedShape& shape) {
  nlohmann::json ids = nlohmann::json::object(), special = nlohmann::json::array();
  for (std::size_t id = 0; id < shape.vocabulary.size(); ++id) {
    ids[shape.vocabulary[id]] = id;
    if (static_cast<std::int64_t>(id) < shape.n_special)
      special.push_back({{"id", id},
                         {"content", shape.vocabulary[id]},
                         {"special", true},
                         {"single_word", false},
                         {"lstrip", false},
                         {"rstrip", false},
                         {"normalized", false}});
  }
  return {{"version", "1.0"},
          {"added_tokens", special},
          {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", false}}},
          {"model",
           {{"type", "WordPiece"},
            {"vocab", ids},
            {"unk_token", "[UNK]"},
            {"continuing_subword_prefix", "##"},
            {"max_input_chars_per_word", 100}}}};
}

void write_json(const std::filesystem::path& path, const nlohmann::json& json) {
  std::ofstream out(path);
  out << json.dump(1) << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace

PlantedModel::PlantedModel(const PlantedShape& shape) : shape_(shape) {
  // A power of 4, whose root is exact, so that scores are what `query` and `key` say.
  const std::int64_t coordinates = 2 + 2 * shape.n_features;
  while (d_head_ < shape.n_channels || d_head_ * shape.n_heads < coordinates) d_head_ *= 4;
  d_model_ = d_head_ * shape.n_heads;
  query_factor_ = std::sqrt(static_cast<double>(d_head_));
  const auto n_tokens = static_cast<std::int64_t>(shape.vocabulary.size());
  at::Tensor positions = at::zeros({shape.n_positions + kPositionOffset, d_model_}, at::kFloat);
  positions.select(1, 0).fill_(kReserved);
  positions.select(1, 1).fill_(-kReserved);
  tensors_["model.decoder.embed_positions.weight"] = positions;
  tensors_["model.decoder.embed_tokens.weight"] = at::zeros({n_tokens, d_model_}, at::kFloat);
  tensors_["lm_head.weight"] = at::zeros({n_tokens, d_model_}, at::kFloat);
  for (std::int64_t layer = 0; layer < shape.n_layers; ++layer) add_block(layer);
  add_norm("model.decoder.final_layer_norm");
}

void PlantedModel::add_block(std::int64_t layer) {
  const std::string prefix = "model.decoder.layers." + std::to_string(layer) + ".";
  const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    tensors_[prefix + name + ".weight"] = at::zeros({out, in}, at::kFloat);
    tensors_[prefix + name + ".bias"] = at::zeros({out}, at::kFloat);
  };
  for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"})
    linear(std::string("self_attn.") + name, d_model_, d_model_);
  linear("fc1", d_model_, shape_.n_neurons);
  linear("fc2", shape_.n_neurons, d_model_);
  add_norm(prefix + "self_attn_layer_norm");
  add_norm(prefix + "final_layer_norm");
}

void PlantedModel::add_norm(const std::string& name) {
  const double gain = kReserved * std::sqrt(2.0 / static_cast<double>(d_model_));
  at::Tensor gains = at::full({d_model_}, gain, at::kFloat);
  gains.narrow(0, 0, 2).zero_();
  tensors_[name + ".weight"] = gains;
  tensors_[name + ".bias"] = at::zeros({d_model_}, at::kFloat);
}

at::Tensor& PlantedModel::block(std::int64_t layer, const std::string& name) {
  return tensors_.at("model.decoder.layers." + std::to_string(layer) + "." + name);
}

std::int64_t PlantedModel::row(std::int64_t head, std::int64_t channel) const {
  if (channel >= d_head_) throw std::out_of_range("a planted head has no such channel");
  return head * d_head_ + channel;
}

void PlantedModel::read_feature(at::Tensor& weight, std::int64_t row, std::int64_t feature,
                                double value) {
  add_to(weight, row, coordinate(feature), value / 2);
  add_to(weight, row, coordinate(feature) + 1, -value / 2);
}

void PlantedModel::write_feature(at::Tensor& weight, std::int64_t column, std::int64_t feature,
                                 double value) {
  add_to(weight, coordinate(feature), column, value);
  add_to(weight, coordinate(feature) + 1, column, -value);
}

void PlantedModel::embed(std::int64_t token, std::int64_t feature, double value) {
  at::Tensor row = tensors_.at("model.decoder.embed_tokens.weight")[token].unsqueeze(1);
  write_feature(row, 0, feature, value);
}

void PlantedModel::embed_position(std::int64_t position, std::int64_t feature, double value) {
  at::Tensor row =
      tensors_.at("model.decoder.embed_positions.weight")[position + kPositionOffset].unsqueeze(1);
  write_feature(row, 0, feature, value);
}

void PlantedModel::query(std::int64_t layer, std::int64_t head, std::int64_t channel,
                         std::int64_t feature, double weight) {
  read_feature(block(layer, "self_attn.q_proj.weight"), row(head, channel), feature,
               weight * query_factor_);
}

void PlantedModel::query_bias(std::int64_t layer, std::int64_t head, std::int64_t channel,
                              double bias) {
  block(layer, "self_attn.q_proj.bias")[row(head, channel)] += bias * query_factor_;
}

void PlantedModel::key(std::int64_t layer, std::int64_t head, std::int64_t channel,
                       std::int64_t feature, double weight) {
  read_feature(block(layer, "self_attn.k_proj.weight"), row(head, channel), feature, weight);
}

void PlantedModel::key_bias(std::int64_t layer, std::int64_t head, std::int64_t channel,
                            double bias) {
  block(layer, "self_attn.k_proj.bias")[row(head, channel)] += bias;
}

void PlantedModel::value(std::int64_t layer, std::int64_t head, std::int64_t channel,
                         std::int64_t feature, double weight) {
  read_feature(block(layer, "self_attn.v_proj.weight"), row(head, channel), feature, weight);
}

void PlantedModel::output(std::int64_t layer, std::int64_t head, std::int64_t channel,
                          std::int64_t feature, double weight) {
  write_feature(block(layer, "self_attn.out_proj.weight"), row(head, channel), feature, weight);
}

void PlantedModel::neuron_input(std::int64_t layer, std::int64_t neuron, std::int64_t feature,
                                double weight) {
  read_feature(block(layer, "fc1.weight"), neuron, feature, weight);
}

void PlantedModel::neuron_bias(std::int64_t layer, std::int64_t neuron, double bias) {
  block(layer, "fc1.bias")[neuron] += bias;
}

void PlantedModel::neuron_output(std::int64_t layer, std::int64_t neuron, std::int64_t feature,
                                 double weight) {
  write_feature(block(layer, "fc2.weight"), neuron, feature, weight);
}

void PlantedModel::unembed(std::int64_t feature, std::int64_t token, double weight) {
  read_feature(tensors_.at("lm_head.weight"), token, feature, weight);
}

void PlantedModel::write(const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder);
  write_json(folder / "config.json", config_of(shape_, d_model_));
  write_json(folder / "tokenizer.json", tokenizer_of(shape_));
  write_json(folder / "tokenizer_config.json", {{"tokenizer_class", "PreTrainedTokenizerFast"}});
  write_safetensors(folder / "model.safetensors", tensors_, {{"format", "pt"}});
}

std::shared_ptr<const Model> PlantedModel::open(const ModelOptions& options) const {
  const TempDir folder;
  write(folder.path());
  return Model::open(folder.path(), options);
}

std::int64_t code_size(std::int64_t count) {
  std::int64_t size = 1;
  while ((std::int64_t{1} << size) < count) ++size;
  return size;
}

void embed_code(PlantedModel& model, std::int64_t position, const FeatureRange& features,
                std::int64_t number) {
  for (std::int64_t bit = 0; bit < features.size; ++bit)
    model.embed_position(position, features[bit], ((number >> bit) & 1) != 0 ? 0.5 : -0.5);
}

std::vector<std::string> numbered_vocabulary(std::int64_t n) {
  std::vector<std::string> texts = {"S"};
  for (std::int64_t i = 1; i <= n; ++i) texts.push_back("t" + std::to_string(i));
  return texts;
}

}  // namespace lensbench::testing
