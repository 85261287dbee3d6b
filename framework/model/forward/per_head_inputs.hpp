#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/forward/forward_state.hpp"

namespace lensbench {

struct Heads;

/// Inputs that single heads read instead of the residual stream, before the norm; undefined where
/// hooks changed nothing.
struct PerHeadInputs {
  at::Tensor q;         ///< [batch, pos, head, d_model]
  at::Tensor k, v;      ///< [batch, pos, kv_head, d_model]
  at::Tensor residual;  ///< [batch, pos, d_model] input of all other heads
  bool any() const { return q.defined() || k.defined() || v.defined(); }
};

/// Runs the hooks on the per-head copies of the stream (`hook_attn_in`, `hook_q_input`,
/// `hook_k_input`, `hook_v_input`). The copies exist only for these hooks.
/// \param x [batch, pos, d_model] the residual that enters the block
PerHeadInputs per_head_inputs(const ForwardState& state, std::int64_t layer, const at::Tensor& x);

/// Replaces the queries, keys and values of heads with changed inputs. Each of these inputs is
/// normalised separately.
/// \param normed [batch, pos, d_model] normalised input of the heads without a changed input
void project_own(const ForwardState& state, std::int64_t layer, const PerHeadInputs& own,
                 const at::Tensor& normed, Heads& heads);

}  // namespace lensbench
