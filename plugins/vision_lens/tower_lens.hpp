#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tools/vision_lens.hpp>
#include <map>
#include <string>
#include <vector>

#include "concepts.hpp"
#include "image_tokens.hpp"

// The tower lens: the merger on the stream of the tower after some of its blocks, then what the
// text model would read at layer 0. The merger was trained for the stream after the last block.

namespace lensbench::vision_lens {

/// Layers of the tower that are decoded, in ascending order; none without the tower lens.
/// \throws UsageError for a layer that the tower lacks, and for layers without the tower lens
std::vector<std::int64_t> tower_layers_of(const VisionSpec& spec, const VisionLensOptions& options);

/// Hook points whose activations `add_tower` reads; none without layers.
std::vector<std::string> tower_hooks(const VisionSpec& spec,
                                     const std::vector<std::int64_t>& layers);

/// Adds what the tokens of pictures decode to after each of some layers of the tower, and compares
/// the last layer with what the text model reads.
/// \param layers  at least one
/// \param read    activations of the prompt at `tower_hooks`
void add_tower(Dataset& dataset, const Model& model, const Tokens& tokens,
               const std::vector<ImageToken>& image_tokens, const std::vector<std::int64_t>& layers,
               const std::map<std::string, at::Tensor>& read, const std::vector<TokenSet>& sets,
               std::int64_t top_k);

}  // namespace lensbench::vision_lens
