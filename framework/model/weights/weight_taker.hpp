#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "model/weights/family_settings.hpp"
#include "model/weights/quantized_check.hpp"

namespace lensbench {

/// Source of a family's weights: a checkpoint, or the list of weights of one to be created.
class WeightTaker {
 public:
  /// \param settings  of the model whose weights are taken
  explicit WeightTaker(const FamilySettings& settings) : settings_(settings) {}
  virtual ~WeightTaker();

  const FamilySettings& settings() const { return settings_; }

  /// A tensor of the body in the model's dtype and device; undefined after a fault.
  virtual at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) = 0;

  /// A tensor of the body that products alone read, which a checkpoint may store in quantized form
  /// (see `quantized_tensor`); otherwise like `take`.
  virtual at::Tensor take_matrix(const std::string& name, const std::vector<std::int64_t>& shape) {
    return take(name, shape);
  }

  /// A tensor outside the body, whose name never has the family's optional prefix
  /// (`lm_head.bias`, `cls.predictions.bias`).
  virtual at::Tensor take_head(const std::string& name, const std::vector<std::int64_t>& shape) = 0;

  /// A tensor of the body that is float32 in models of half precision too.
  virtual at::Tensor take_wide(const std::string& name, const std::vector<std::int64_t>& shape) = 0;

  /// True if a checkpoint stores this tensor, in whatever form, for names that vary between
  /// checkpoints.
  virtual bool has(const std::string& name) const = 0;

  /// The unembedding, tied to the embedding or a separate tensor. A tied checkpoint may hold a
  /// copy, or store the pair under the unembedding's name only.
  /// \param embedding  filled in the latter case
  virtual Unembedding take_unembedding(const TransformerSpec& spec, const std::string& name,
                                       at::Tensor& embedding) = 0;

 private:
  FamilySettings settings_;
};

/// Weights of a checkpoint by name, as views of the mapped file if they are stored in the model's
/// dtype. `finish` reports all missing, misshapen and unused tensors in one error.
class CheckpointTaker final : public WeightTaker {
 public:
  /// \param optional_prefix  prefix that tensor names may have or lack
  /// \param head_prefix  prefix of tensors outside the body
  CheckpointTaker(const Checkpoint& checkpoint, const ModelOptions& options,
                  std::string_view optional_prefix, std::string_view head_prefix = "",
                  const FamilySettings& settings = {});

  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override;
  at::Tensor take_matrix(const std::string& name, const std::vector<std::int64_t>& shape) override;
  at::Tensor take_head(const std::string& name, const std::vector<std::int64_t>& shape) override;
  at::Tensor take_wide(const std::string& name, const std::vector<std::int64_t>& shape) override;
  bool has(const std::string& name) const override;
  Unembedding take_unembedding(const TransformerSpec& spec, const std::string& name,
                               at::Tensor& embedding) override;

  /// \param buffers  globs of names, without the prefix, of tensors that are not weights
  /// \param other_parts  beginnings of names of tensors of another part of a larger model
  /// \param shorter  whether layers after those of the model are left out, not an error
  /// \return what the checkpoint has in addition to the model: the tensors of training heads, and
  ///   each other part with its number of tensors
  /// \throws InputError that names every faulty tensor, or what made all names differ
  std::vector<std::string> finish(const std::vector<std::string_view>& buffers,
                                  const std::vector<std::string_view>& other_parts = {},
                                  bool shorter = false) const;

  /// Names of the tensors that the model computes with.
  const std::set<std::string>& taken() const { return taken_; }
  /// The quantized matrices that were taken.
  const std::vector<QuantizedWeight>& quantized() const { return quantized_; }

 private:
  struct MissingTensor {
    std::string name;
    std::vector<std::int64_t> shape;
  };
  std::vector<std::string> unused(const std::vector<std::string_view>& buffers) const;
  std::string explain(const std::vector<std::string>& extra) const;
  void require_quantized() const;
  std::string stored_name(const std::string& name) const;
  std::string without_prefix(const std::string& name) const;
  at::Tensor take_stored(const std::string& stored, const std::vector<std::int64_t>& shape,
                         at::ScalarType type);

  const Checkpoint& checkpoint_;
  ModelOptions options_;
  std::string prefix_, head_prefix_;
  std::set<std::string> taken_;
  std::vector<QuantizedWeight> quantized_;
  std::set<std::string> idle_;  ///< tensors of quantized matrices that change nothing
  std::vector<MissingTensor> missing_;
  std::vector<std::string> wrong_;
};

}  // namespace lensbench
