#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <lensbench/target.hpp>
#include <lensbench/tokens.hpp>
#include <string>
#include <vector>

#include "logit_lens/decode.hpp"

namespace lensbench::lens {

/// What a lens that changes the streams before it reads them is asked.
struct ChangedReading {
  std::string tool;  ///< named in messages
  std::int64_t top_k;
  Target target;
};

/// The answer of the logit lens about streams, each [pos, d_model], the last of which is the
/// model's own last one.
Answer answer_of(const Model& model, const Tokens& tokens, const std::vector<at::Tensor>& layers,
                 const ChangedReading& reading);

/// Result of a lens that reads changed streams, under the names of the logit lens: its variables,
/// receipts of the last layer, and attributes.
/// \param streams  the model's own, all n_layers + 1
/// \param changed  the same after the change; the last one is unchanged
/// \throws UsageError for a `top_k` outside of the vocabulary
Dataset read_changed_streams(const Model& model, const Tokens& tokens,
                             const std::vector<at::Tensor>& streams,
                             const std::vector<at::Tensor>& changed, const ChangedReading& reading);

}  // namespace lensbench::lens
