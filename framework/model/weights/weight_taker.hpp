#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"

namespace lensbench {

/// Where a family takes its weights from: a checkpoint, or the plan of one to be made.
class WeightTaker {
 public:
  virtual ~WeightTaker();

  /// The tensor in the model's dtype and device. Undefined after a fault.
  virtual at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) = 0;

  /// As `take`, for a tensor outside the body, whose name never has the family's optional prefix
  /// (`lm_head.bias`, `cls.predictions.bias`).
  virtual at::Tensor take_head(const std::string& name, const std::vector<std::int64_t>& shape) = 0;

  /// Whether a tensor is stored, for names that vary between checkpoints; never in a plan.
  virtual bool has(const std::string& name) const = 0;

  /// The unembedding, tied to the embedding or its own tensor. A tied checkpoint may hold a copy.
  virtual Unembedding take_unembedding(const TransformerSpec& spec, const std::string& name,
                                       const at::Tensor& embedding) = 0;
};

/// Hands out the tensors of a checkpoint by name, as views of the file if they are stored in the
/// model's dtype, and keeps account: what was missing, misshapen or never asked for becomes one
/// error.
class CheckpointTaker final : public WeightTaker {
 public:
  /// \param optional_prefix  tensors are found with it or without it
  CheckpointTaker(const Checkpoint& checkpoint, const ModelOptions& options,
                  std::string_view optional_prefix);

  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override;
  at::Tensor take_head(const std::string& name, const std::vector<std::int64_t>& shape) override;
  bool has(const std::string& name) const override;
  Unembedding take_unembedding(const TransformerSpec& spec, const std::string& name,
                               const at::Tensor& embedding) override;

  /// \param buffers  globs of names, without the prefix, that are no weights
  /// \throws InputError naming every tensor at fault
  void finish(const std::vector<std::string_view>& buffers);

 private:
  std::string stored_name(const std::string& name) const;
  std::string without_prefix(const std::string& name) const;
  at::Tensor take_stored(const std::string& stored, const std::vector<std::int64_t>& shape);

  const Checkpoint& checkpoint_;
  ModelOptions options_;
  std::string prefix_;
  std::set<std::string> taken_;
  std::vector<std::string> missing_, wrong_;
};

}  // namespace lensbench
