#include "model/forward/per_head_inputs.hpp"

#include <ATen/ops/bmm.h>
#include <ATen/ops/where.h>

#include <string>

#include "model/forward/attention_core.hpp"
#include "model/forward/linear.hpp"
#include "model/forward/norm.hpp"
#include "model/weights/weight_names.hpp"

namespace lensbench {
namespace {

/// x · W of each head with that head's own x.
/// \param x [batch, pos, head, d_model] \return [batch, pos, head, d_head]
at::Tensor project(const Run& run, std::int64_t layer, char letter, const at::Tensor& x) {
  const std::string place = "blocks." + std::to_string(layer) + ".attn.";
  const at::Tensor w = named_weight(run.spec, run.weights, place + "W_" + letter);
  const at::Tensor b = named_weight(run.spec, run.weights, place + "b_" + letter);
  const at::ScalarType wide = accumulation_type(x.scalar_type());
  const at::Tensor rows = x.flatten(0, 1).transpose(0, 1).to(wide);
  at::Tensor heads = at::bmm(rows, w.to(wide)).transpose(0, 1);
  if (b.defined()) heads = heads.add(b.to(wide));
  return heads.to(x.scalar_type()).reshape({x.size(0), x.size(1), x.size(2), w.size(2)});
}

at::Tensor normalised(const Run& run, std::int64_t layer, const at::Tensor& x) {
  const NormWeights& ln1 = run.weights.blocks[static_cast<std::size_t>(layer)].ln1;
  const bool before = run.spec.norm_placement == NormPlacement::before ||
                      run.spec.norm_placement == NormPlacement::before_and_after;
  return before ? apply_norm(run.spec.norm, ln1, x) : x;
}

}  // namespace

HeadInputs head_inputs(const Run& run, std::int64_t layer, const at::Tensor& x) {
  const HookSite hooks(run.plan, layer);
  const bool together = hooks.wants(Point::attn_in);
  const auto copies = [&](std::int64_t heads) {
    return x.unsqueeze(2).expand({x.size(0), x.size(1), heads, x.size(2)});
  };
  const AttentionSpec& spec = run.spec.attention;
  const at::Tensor all =
      together ? hooks.apply(Point::attn_in, copies(spec.n_heads)) : at::Tensor();
  const auto own = [&](Point point, std::int64_t heads) {
    if (!together && !hooks.wants(point)) return at::Tensor();
    // A tensor of its own for each, so that its gradient is that of its own path.
    at::Tensor input = hooks.apply(point, together ? all.view_as(all) : copies(heads));
    // The one product differs from those by head in the last bit; looking on must not change it.
    return !run.gradients && same_values(input, copies(heads)) ? at::Tensor() : input;
  };
  HeadInputs inputs;
  inputs.q = own(Point::q_input, spec.n_heads);
  inputs.k = own(Point::k_input, spec.n_key_value_heads);
  inputs.v = own(Point::v_input, spec.n_key_value_heads);
  inputs.residual = x;
  return inputs;
}

void project_own(const Run& run, std::int64_t layer, const HeadInputs& own,
                 const at::Tensor& normed, Heads& heads) {
  const auto replace = [&](char letter, const at::Tensor& input, at::Tensor& projected) {
    if (!input.defined()) return;
    at::Tensor x = normalised(run, layer, input);
    if (!run.gradients)
      // Heads whose input is as it was read what hooks made of the common norm.
      x = at::where(input.eq(own.residual.unsqueeze(2)).all(-1, true), normed.unsqueeze(2), x);
    projected = project(run, layer, letter, x);
  };
  replace('Q', own.q, heads.q);
  replace('K', own.k, heads.k);
  replace('V', own.v, heads.v);
}

}  // namespace lensbench
