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

/// Hands out the tensors of a checkpoint by name and keeps account: what was missing, misshapen or
/// never asked for becomes one error.
class WeightTaker {
 public:
  /// \param optional_prefix  tensors are found with it or without it
  WeightTaker(const Checkpoint& checkpoint, const ModelOptions& options,
              std::string_view optional_prefix);

  /// The tensor in the model's dtype and device: a view of the file if it is stored so.
  /// Undefined after a fault, which `finish` reports.
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape);

  /// The unembedding, tied to the embedding or its own tensor. A tied checkpoint may hold a copy.
  Unembedding take_unembedding(const TransformerSpec& spec, const std::string& name,
                               const at::Tensor& embedding);

  /// \param buffers  globs of names, without the prefix, that are no weights
  /// \throws InputError naming every tensor at fault
  void finish(const std::vector<std::string_view>& buffers);

 private:
  std::string stored_name(const std::string& name) const;
  std::string without_prefix(const std::string& name) const;

  const Checkpoint& checkpoint_;
  ModelOptions options_;
  std::string prefix_;
  std::set<std::string> taken_;
  std::vector<std::string> missing_, wrong_;
};

}  // namespace lensbench
