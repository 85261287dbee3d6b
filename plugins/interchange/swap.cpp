#include "swap.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <utility>

namespace lensbench::interchange {

at::Tensor exchanged(const at::Tensor& h, const at::Tensor& source, const at::Tensor& basis,
                     double strength) {
  return h + strength * at::matmul(at::matmul(source - h, basis), basis.t());
}

at::Tensor moved_as_far(const at::Tensor& h, const at::Tensor& source, const at::Tensor& basis,
                        const at::Tensor& elsewhere, double strength) {
  constexpr double kLeastLength = 1e-8;  // as in TransformerLens, where 0 / 0 is 0
  const at::Tensor distance =
      (exchanged(h, source, basis, strength) - h).norm(2, {1}, /*keepdim=*/true);
  const at::Tensor way = exchanged(h, source, elsewhere, 1) - h;
  return h + way * (distance / way.norm(2, {1}, /*keepdim=*/true).clamp_min(kLeastLength));
}

PlacedBatch::PlacedBatch(const std::vector<Tokens>& prompts, std::int64_t position)
    : tokens(make_batch(prompts)) {
  const std::int64_t length = tokens.length();
  columns.reserve(prompts.size());
  // Padding precedes the tokens.
  for (const Tokens& prompt : prompts)
    columns.push_back(position < 0 ? length + position : length - prompt.size() + position);
}

at::Tensor PlacedBatch::places(const at::Tensor& activation) const {
  std::vector<std::int64_t> indices = columns;
  for (std::size_t i = 0; i < indices.size(); ++i)
    indices[i] += static_cast<std::int64_t>(i) * activation.size(1);
  return at::tensor(indices, at::kLong).to(activation.device());
}

at::Tensor PlacedBatch::rows(const at::Tensor& activation) const {
  return activation.flatten(0, 1)
      .index_select(0, places(activation))
      .flatten(1)
      .to(at::Device(at::kCPU), at::kDouble);
}

HookReplacer PlacedBatch::changing(RowChange change) const {
  return [this, change = std::move(change)](const at::Tensor& activation, const HookPoint&) {
    const at::Tensor old = activation.detach();
    at::Tensor changed = old.clone(at::MemoryFormat::Contiguous), all = changed.flatten(0, 1);
    const at::Tensor own = change(rows(old)).to(old.device(), old.scalar_type());
    std::vector<std::int64_t> shape(all.sizes().begin(), all.sizes().end());
    shape[0] = own.size(0);
    all.index_copy_(0, places(old), own.reshape(shape));
    return changed;
  };
}

}  // namespace lensbench::interchange
