#include "model/forward/past.hpp"

#include <ATen/ops/cat.h>

namespace lensbench {

CacheAccess::State::Layer with_past(const ForwardState& state, std::int64_t layer,
                                    const at::Tensor& keys, const at::Tensor& values) {
  CacheAccess::State::Layer all{keys, values};
  if (state.prefix && state.past > 0) {
    // A prefix is one sequence, which all rows of the batch continue.
    const auto& held = state.prefix->layers[static_cast<std::size_t>(layer)];
    const auto continued = [&](const at::Tensor& before, const at::Tensor& x) {
      return at::cat({before.narrow(2, 0, state.past).expand({x.size(0), -1, -1, -1}), x}, 2);
    };
    all = {continued(held.keys, keys), continued(held.values, values)};
  }
  return state.cache ? state.cache->extended(layer, all.keys, all.values) : all;
}

}  // namespace lensbench
