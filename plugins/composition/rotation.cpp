#include "rotation.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/tokens.hpp>
#include <string>

namespace lensbench::composition {
namespace {

/// Queries [row, pos, head, d_head] in which row r, head h has unit vector r * n_heads + h at every
/// position.
at::Tensor unit_queries(const AttentionSpec& spec, std::int64_t rows, std::int64_t n_positions,
                        const at::Tensor& like) {
  at::Tensor queries = at::zeros({rows, n_positions, spec.n_heads, spec.d_head}, like.options());
  for (std::int64_t i = 0; i < spec.d_head; ++i)
    queries.select(0, i / spec.n_heads).select(1, i % spec.n_heads).select(1, i).fill_(1);
  return queries;
}

/// The rotation is measured: unit vectors replace the queries of a forward of one block, and are
/// read after the rotation at the position `offset`. Any kind of scaling is thus included.
at::Tensor rotation_of(const Model& model, std::int64_t block, std::int64_t offset) {
  const AttentionSpec& spec = model.spec().attention;
  // Each row of the batch has n_heads vectors, one for each head.
  const std::int64_t rows = (spec.d_head + spec.n_heads - 1) / spec.n_heads;
  const std::string prefix = "blocks." + std::to_string(block) + ".attn.";
  at::Tensor rotated;
  Hooks hooks;
  hooks.replace(prefix + "hook_q", [&](const at::Tensor& q, const HookPoint&) {
    return unit_queries(spec, rows, offset + 1, q);
  });
  hooks.read(prefix + "hook_rot_q",
             [&](const at::Tensor& q, const HookPoint&) { rotated = q.to(at::kCPU, at::kDouble); });
  ForwardOptions options;
  options.start_at_layer = block;
  options.stop_at_layer = block + 1;
  const at::Tensor weight = model.unembedding().weight;
  // A stream of zeros suffices, since the queries are replaced anyway.
  options.residual = at::zeros({rows, offset + 1, model.spec().d_model}, weight.options());
  const at::Tensor ids =
      at::zeros({rows, offset + 1}, weight.options().dtype(at::kLong).device(at::kCPU));
  model.forward({ids, {}}, options, hooks);
  at::Tensor rotation = at::empty({spec.d_head, spec.d_head}, at::kDouble);
  for (std::int64_t i = 0; i < spec.d_head; ++i) {
    const at::Tensor vectors = rotated.select(0, i / spec.n_heads).select(1, i % spec.n_heads);
    // Position 0 is not rotated, and has the factors that a norm of queries or the family applies.
    const double size = vectors[0][i].item<double>();
    rotation[i].copy_(vectors[offset]);
    if (size != 0.0) rotation[i] /= size;
  }
  return rotation;
}

}  // namespace

void check_offset(const TransformerSpec& spec, std::int64_t offset) {
  if (offset == 0) return;
  const std::string subject = "composition: offset is " + std::to_string(offset);
  if (offset < 0) throw UsageError(subject + "; give 0 or a number of tokens from key to query");
  if (spec.position != PositionKind::rotary || !spec.rope)
    throw UsageError(subject + ", but this '" + spec.family +
                     "' model does not rotate queries and keys by position; give 0");
  if (offset >= spec.max_positions)
    throw UsageError(subject + ", but the model was made for " +
                     std::to_string(spec.max_positions) + " positions; give at most " +
                     std::to_string(spec.max_positions - 1));
  const std::optional<NormSpec>& norm = spec.attention.query_key_norm;
  if (norm && norm->kind == NormKind::layer_norm)
    throw UsageError(subject + ", but queries of this '" + spec.family +
                     "' model pass a LayerNorm before the rotation, so the rotation cannot be "
                     "read alone; give 0");
}

std::vector<at::Tensor> rotations(const Model& model, std::int64_t offset) {
  std::vector<at::Tensor> found;
  check_offset(model.spec(), offset);
  if (offset == 0) return found;
  // Windowed blocks may rotate differently, so each block is measured.
  for (std::int64_t block = 0; block < model.spec().n_layers; ++block)
    found.push_back(rotation_of(model, block, offset));
  return found;
}

}  // namespace lensbench::composition
