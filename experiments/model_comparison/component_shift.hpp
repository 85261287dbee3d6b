#pragma once

// Comparison of two checkpoints of one shape, such as a model and its fine-tuned form, component by
// component: how far the output of each one moved, and its part in the change of a logit.

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <string>

namespace model_comparison {

/// Reason why components cannot be compared, in words: `it has 2 blocks, expected 6`. Empty if
/// they can: both are causal, of one family, with equally many blocks of one width, and their
/// streams are sums of what components write.
std::string no_component_shift(const lensbench::Model& model, const lensbench::Model& other);

/// Compares the components of two models on the same tokens. With o_c what a component c writes
/// at a token, and a_c its direct attribution to the logit of the target (`layer_attribution`):
///   moved             |o_c - other o_c| / |other o_c|
///   change_explained  a_c - other a_c
/// Each model keeps the scale of its own final norm, so that the parts sum to the change of the
/// logit; `bias` is that of final norm and unembedding.
///
/// - `moved` [component, token], without `bias`; NaN where the other model writes zeros.
/// - `stream_moved`, `stream_cosine` [layer, token]: the same of the residual stream, and its
/// cosine.
/// - `change_explained` [part, token], `logit_change` [token]: before any softcap.
/// - `target_id` [token]: the target.
///
/// Receipt `parts_sum_to_the_change`: against the logits of both models at the last token.
/// \param model   model of the run
/// \param other   model that it is compared with; `no_component_shift` is empty
/// \param target  token whose logit is explained, at every token of the prompt
lensbench::Dataset component_shift(const lensbench::Model& model, const lensbench::Model& other,
                                   const lensbench::Tokens& tokens, std::int64_t target);

}  // namespace model_comparison
