#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/forward/forward_state.hpp"

namespace lensbench {

struct Heads;

/// What single heads read in place of the residual stream, before the norm; each undefined where
/// no hook changed it.
struct HeadInputs {
  at::Tensor q;         ///< [batch, pos, head, d_model]
  at::Tensor k, v;      ///< [batch, pos, kv_head, d_model]
  at::Tensor residual;  ///< [batch, pos, d_model] what the others read
  bool any() const { return q.defined() || k.defined() || v.defined(); }
};

/// Runs the hooks of the copies of the stream that each head could have as its own
/// (`hook_attn_in`, `hook_q_input`, `hook_k_input`, `hook_v_input`), which exist only for them.
/// \param x [batch, pos, d_model] the residual that enters the block
HeadInputs head_inputs(const Run& run, std::int64_t layer, const at::Tensor& x);

/// Puts queries, keys and values of heads with an input of their own, each normalised by itself, in
/// the place of what was projected from the common input.
/// \param normed [batch, pos, d_model] what the heads whose input is as it was go on to read
void project_own(const Run& run, std::int64_t layer, const HeadInputs& own,
                 const at::Tensor& normed, Heads& heads);

}  // namespace lensbench
