#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace training_dynamics {

/// A moment of a training run.
struct Checkpoint {
  std::string name;        ///< name of its folder
  std::int64_t step = -1;  ///< step of training; -1: not known
  std::shared_ptr<const lensbench::Model> model;
};

/// Step in the name of a folder: the number in `step-400`, `checkpoint_400`, `global_step400` or
/// `400`; empty for other names.
std::optional<std::int64_t> step_in(const std::string& name);

/// Reason why a model is not another moment of the training run of `model`: another architecture or
/// tokenizer. Empty if there is none.
std::string disagreement(const lensbench::Model& model, const lensbench::Model& other);

/// Opens the checkpoints of an experiment, in order, with the model of the run as the last one; for
/// an empty list those in the folder `checkpoints` of the model.
/// \throws InputError for a checkpoint that cannot be opened or does not agree with the model;
///   UsageError for an empty list and a model without such a folder, or for steps that do not fit
///   or do not ascend
std::vector<Checkpoint> open_checkpoints(const lensbench::Parameters& parameters,
                                         const lensbench::Model& model);

}  // namespace training_dynamics
