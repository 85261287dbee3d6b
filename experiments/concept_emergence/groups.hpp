#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>
#include <lensbench/hypothesis.hpp>
#include <string>
#include <vector>

// Statistics over the pictures of a label.

namespace concept_emergence {

/// Group of the pictures that have no label.
inline constexpr const char* kUnlabelled = "unlabelled";

/// Answers to all pictures.
struct Answers {
  std::vector<std::string> labels;  ///< label of each picture
  at::Tensor log_probability;       ///< [picture, layer, concept]
  at::Tensor rank;                  ///< [picture, layer, concept]
  at::Tensor
      control_log_probability;  ///< [picture, control, layer, concept]; undefined: no controls
  at::Tensor control_rank;      ///< [picture, control, layer, concept]; undefined: no controls
};

/// Reads the answers of all cases; cases whose controls differ from those of the first one have
/// none.
Answers read_answers(const lensbench::Summary& summary, const std::string& name);

/// Labels in order, each once.
std::vector<std::string> labels_of(const Answers& answers);

/// Numbers of the pictures of a label.
std::vector<std::int64_t> pictures_of(const Answers& answers, const std::string& label);

/// 1 where a rank stays within a limit from a layer on: the product of `rank <= within` over that
/// layer and all later ones. \param rank  [..., layer, concept] \return the same shape, float64
at::Tensor settled(const at::Tensor& rank, std::int64_t within);

/// Share of pairs in which the picture of the group has the larger value, equal ones count half;
/// NaN without a pair. \param inside, outside  [picture, layer, concept] \return [layer, concept]
at::Tensor separation(const at::Tensor& inside, const at::Tensor& outside);

/// Index of the first layer from which on the lower bound is above 0 at all layers, for each
/// concept; -1: none. \param low  [layer, concept]
std::vector<std::int64_t> first_above_zero(const at::Tensor& low);

}  // namespace concept_emergence
