#pragma once

#include <filesystem>
#include <lensbench/model.hpp>
#include <memory>
#include <vector>

#include "model/weights/weights.hpp"

namespace lensbench {

/// What a model knows beside spec and weights.
struct ModelParts {
  ModelOptions options;
  std::filesystem::path directory;
  std::vector<ModelFile> files;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::vector<std::int64_t> end_of_sequence_ids;
};

/// A model from a spec and its weights, which are used as they are (the caller has them in
/// `parts.options.dtype`). Shapes must fit the spec.
/// \throws InputError if the spec asks for what this forward does not do
LENSBENCH_API std::shared_ptr<const Model> make_model(TransformerSpec spec, ModelWeights weights,
                                                      ModelParts parts = {});

}  // namespace lensbench
