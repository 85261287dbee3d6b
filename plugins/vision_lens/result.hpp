#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tools/vision_lens.hpp>
#include <string>
#include <vector>

#include "concepts.hpp"
#include "continuations.hpp"
#include "decode.hpp"

namespace lensbench::vision_lens {

/// Adds the axes of layers, ranks and concepts, and the list of the concepts' tokens.
void add_axes(Dataset& dataset, const TransformerSpec& spec,
              const std::vector<std::int64_t>& layers, const std::vector<TokenSet>& sets,
              std::int64_t top_k);

/// Adds what the tokens of pictures decode to.
/// \param prefix  of the names of the variables and of their axis of layers
void add_map(Dataset& dataset, const Decoded& decoded, bool concepts,
             const std::string& prefix = "");

/// Adds the axis of layers of the tower.
void add_tower_axis(Dataset& dataset, const std::vector<std::int64_t>& layers);

/// Adds what the last position decodes to.
/// \param divergence  KL of each layer
/// \param layers      numbers of the layers, for the onset
/// \param within      see `VisionLensOptions`
void add_answer(Dataset& dataset, const Decoded& decoded, const at::Tensor& divergence,
                const std::vector<std::int64_t>& layers, bool concepts, std::int64_t within);

/// What the last position of a control decodes to.
struct ControlAnswer {
  std::string name;
  at::Tensor log_probability;  ///< [layer, concept]
  at::Tensor rank;             ///< [layer, concept]
};

/// Adds the answers to the controls, at least one.
void add_control_answers(Dataset& dataset, const std::vector<ControlAnswer>& answers,
                         const std::vector<std::int64_t>& layers, std::int64_t within);

/// Adds the probabilities of texts after the prompt.
void add_continuations(Dataset& dataset, const Continuations& continuations,
                       const std::vector<std::string>& texts);

/// Adds the options and what the values mean.
void add_attributes(Dataset& dataset, const VisionLensOptions& options,
                    const std::vector<TokenSet>& sets);

/// Index of the first layer from which on a rank stays within a limit, for each concept: -1 where
/// the last layer exceeds it. \param ranks  [layer, concept]
std::vector<std::int64_t> onsets(const at::Tensor& ranks, std::int64_t within);

}  // namespace lensbench::vision_lens
