#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lensbench::testing {

/// Sizes of a planted model. The width is chosen so that everything has a place.
struct PlantedShape {
  std::int64_t n_layers = 1;
  std::int64_t n_heads = 1;
  std::int64_t n_positions = 8;  ///< length of the longest prompt
  std::int64_t n_features = 1;   ///< numbers that the residual stream has at each position
  std::int64_t n_channels = 1;   ///< least d_head: numbers that one head reads, compares and copies
  std::int64_t n_neurons = 1;  ///< neurons in each MLP; one that nothing is written to does nothing
  std::vector<std::string> vocabulary;  ///< texts of the tokens, one word each
  std::int64_t n_special = 0;  ///< the first tokens of the vocabulary that are special tokens
};

/// An OPT checkpoint whose weights are written by hand, so that what it computes is known.
///
/// The residual stream has *features*: numbers that weights write and read by index. The norm
/// before each sublayer, and the final one, returns them unchanged, with a relative error below
/// |x|^2 / (4 B^2), where |x|^2 is twice the sum of the squared features and B = 1024:
///
/// - feature f with value v is the pair of coordinates (v, -v), so the mean of all coordinates is
/// 0;
/// - two reserved coordinates have +B and -B at every position, written by the position embedding,
///   so the standard deviation is B sqrt(2 / d_model) whatever the features are (a zeroed token
///   embedding leaves it);
/// - the gain of every norm is B sqrt(2 / d_model) for features and 0 for the reserved pair.
///
/// Sums are exact in float32 if all features are small multiples of 2^-8. All weights are 0 until
/// they are set, so a head attends to all visible positions equally and writes nothing, an MLP
/// writes nothing, and all logits are 0. Setting the same weight twice adds.
class PlantedModel {
 public:
  explicit PlantedModel(const PlantedShape& shape);

  /// Adds `value` to a feature wherever this token is.
  void embed(std::int64_t token, std::int64_t feature, double value);
  /// Adds `value` to a feature at this position.
  void embed_position(std::int64_t position, std::int64_t feature, double value);

  /// The score of a query and a key of head `head` is the sum over channels of query times key,
  /// where query[channel] and key[channel] are sums of weight times feature, and a bias.
  void query(std::int64_t layer, std::int64_t head, std::int64_t channel, std::int64_t feature,
             double weight);
  void query_bias(std::int64_t layer, std::int64_t head, std::int64_t channel, double bias);
  void key(std::int64_t layer, std::int64_t head, std::int64_t channel, std::int64_t feature,
           double weight);
  void key_bias(std::int64_t layer, std::int64_t head, std::int64_t channel, double bias);
  /// value[channel] of a head gets weight times feature.
  void value(std::int64_t layer, std::int64_t head, std::int64_t channel, std::int64_t feature,
             double weight);
  /// A head adds weight times z[channel] to a feature.
  void output(std::int64_t layer, std::int64_t head, std::int64_t channel, std::int64_t feature,
              double weight);

  /// The input of a neuron, before the ReLU, gets weight times feature, or a bias.
  void neuron_input(std::int64_t layer, std::int64_t neuron, std::int64_t feature, double weight);
  void neuron_bias(std::int64_t layer, std::int64_t neuron, double bias);
  /// A neuron adds weight times its activation to a feature.
  void neuron_output(std::int64_t layer, std::int64_t neuron, std::int64_t feature, double weight);

  /// The logit of a token gets weight times feature.
  void unembed(std::int64_t feature, std::int64_t token, double weight);

  std::int64_t d_model() const { return d_model_; }
  std::int64_t d_head() const { return d_head_; }

  /// Writes config.json, model.safetensors and a tokenizer that splits at white space into a
  /// folder.
  void write(const std::filesystem::path& folder) const;
  /// Writes the checkpoint into a temporary folder and opens it as any other.
  std::shared_ptr<const Model> open(const ModelOptions& options = {}) const;

 private:
  std::int64_t row(std::int64_t head, std::int64_t channel) const;
  at::Tensor& block(std::int64_t layer, const std::string& name);
  /// Row `row` of a weight [out, in] reads a feature, or its column `column` writes one.
  static void read_feature(at::Tensor& weight, std::int64_t row, std::int64_t feature,
                           double value);
  static void write_feature(at::Tensor& weight, std::int64_t column, std::int64_t feature,
                            double value);
  void add_block(std::int64_t layer);
  void add_norm(const std::string& name);

  PlantedShape shape_;
  std::int64_t d_head_ = 1, d_model_ = 1;
  double query_factor_ = 1.0;  ///< undoes the model's 1 / sqrt(d_head)
  std::map<std::string, at::Tensor> tensors_;
};

/// Features that hold an index 0 to size - 1 as a one-hot code: `range[i]` is 1, the others are 0.
struct FeatureRange {
  std::int64_t first = 0, size = 0;
  std::int64_t operator[](std::int64_t i) const { return first + i; }
  std::int64_t end() const { return first + size; }
};

/// Number of features of a binary code of `count` positions.
std::int64_t code_size(std::int64_t count);

/// Adds the binary code of `number` to the features at `position`: +1/2 or -1/2 for each bit. The
/// product of two codes is size / 4 if they are equal, and at most that less 1/2 if not.
void embed_code(PlantedModel& model, std::int64_t position, const FeatureRange& features,
                std::int64_t number);

/// Texts of a vocabulary: `S`, a token to start with, and `t1` to `tN`.
std::vector<std::string> numbered_vocabulary(std::int64_t n);

}  // namespace lensbench::testing
