#include "divergence.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>

namespace lensbench::tuned {
namespace {

constexpr std::int64_t kTileElements = std::int64_t{1} << 23;  // 32 MiB of logits
constexpr std::int64_t kVocabularyTile = 8192;  // rows of the unembedding that are widened at once

/// Calls `use(first, weight)` with parts of the unembedding in float32 on the CPU, which together
/// are the whole; a single part without a copy if it has that form already.
template <class Use>
void for_each_part(const at::Tensor& weight, const Use& use) {
  const bool ready = weight.scalar_type() == at::kFloat && weight.device().is_cpu();
  const std::int64_t vocab = weight.size(0), size = ready ? vocab : kVocabularyTile;
  for (std::int64_t first = 0; first < vocab; first += size)
    use(first, weight.narrow(0, first, std::min(size, vocab - first))
                   .to(at::Device(at::kCPU), at::kFloat));
}

/// Storage of a shape that is kept between calls.
void keep(at::Tensor& tensor, std::int64_t rows, std::int64_t columns) {
  if (!tensor.defined() || tensor.size(0) != rows) tensor = at::empty({rows, columns});
}

}  // namespace

Divergence::Divergence(const Model& model)
    : model_(model),
      tile_rows_(std::clamp<std::int64_t>(
          kTileElements / std::max<std::int64_t>(1, model.unembedding().weight.size(0)), 16, 512)) {
}

std::int64_t Divergence::even_tile(std::int64_t rows) const {
  const std::int64_t tiles = std::max<std::int64_t>(1, (rows + tile_rows_ - 1) / tile_rows_);
  return (rows + tiles - 1) / tiles;
}

void Divergence::write_logits(const at::Tensor& normalised) {
  const Unembedding& map = model_.unembedding();
  keep(logits_, normalised.size(0), map.weight.size(0));
  for_each_part(map.weight, [&](std::int64_t first, const at::Tensor& part) {
    at::Tensor columns = logits_.narrow(1, first, part.size(0));
    at::mm_out(columns, normalised, part.t());
  });
  if (map.bias.defined()) logits_.add_(map.bias.to(at::Device(at::kCPU), at::kFloat));
  if (map.logit_scale != 1.0) logits_.mul_(map.logit_scale);
  if (map.logit_softcap == 0) return;
  // tanh(z / cap), whose derivative the gradient needs.
  logits_.div_(map.logit_softcap).tanh_();
  slope_ = 1 - logits_.square();
  logits_.mul_(map.logit_softcap);
}

void Divergence::set_reference(const at::Tensor& normalised) {
  const c10::NoGradGuard no_gradients;
  write_logits(normalised);
  keep(log_p_, normalised.size(0), logits_.size(1));
  keep(p_, normalised.size(0), logits_.size(1));
  at::_log_softmax_out(log_p_, logits_, 1, false);
  at::exp_out(p_, log_p_);
}

at::Tensor Divergence::of(const at::Tensor& normalised) {
  const c10::NoGradGuard no_gradients;
  write_logits(normalised);
  keep(log_q_, normalised.size(0), logits_.size(1));
  at::_log_softmax_out(log_q_, logits_, 1, false);
  // The differences are small where the lens is good, so that little is lost in float32.
  at::sub_out(logits_, log_p_, log_q_);
  return logits_.mul_(p_).sum(1).to(at::kDouble);
}

at::Tensor Divergence::gradient() {
  const c10::NoGradGuard no_gradients;
  const Unembedding& map = model_.unembedding();
  log_q_.exp_().sub_(p_);
  if (map.logit_softcap != 0) log_q_.mul_(slope_);
  if (map.logit_scale != 1.0) log_q_.mul_(map.logit_scale);
  at::Tensor sum = at::zeros({log_q_.size(0), map.weight.size(1)});
  for_each_part(map.weight, [&](std::int64_t first, const at::Tensor& part) {
    sum.addmm_(log_q_.narrow(1, first, part.size(0)), part);
  });
  return sum;
}

}  // namespace lensbench::tuned
