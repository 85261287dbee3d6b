#pragma once

#include <filesystem>
#include <lensbench/model.hpp>
#include <lensbench/weight_changes.hpp>
#include <memory>
#include <string>
#include <vector>

#include "model/weights/weights.hpp"

namespace lensbench {

/// Data of a model in addition to spec and weights.
struct ModelParts {
  ModelOptions options;
  std::filesystem::path directory;
  std::vector<ModelFile> files;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::vector<std::int64_t> end_of_sequence_ids;
  std::vector<std::string> notes;  ///< sentences about the files that a user should know
  std::vector<std::string> generation_notes = {};  ///< notes for users who generate tokens
  std::vector<WeightChange> changes = {};          ///< weights that differ from the files
};

/// Creates a model from a spec and weights. The weights are used unchanged: the caller provides
/// them in `parts.options.dtype` and with the shapes of the spec. \throws InputError if the forward
/// does not support the spec
std::shared_ptr<const Model> make_model(TransformerSpec spec, ModelWeights weights,
                                        ModelParts parts = {});

/// Sentences about the files of an opened model that a user should know; none for other models.
const std::vector<std::string>& notes_of(const Model& model);

/// Sentences about settings of generation in the files that `generate` does not follow; none for
/// other models.
const std::vector<std::string>& generation_notes_of(const Model& model);

}  // namespace lensbench
