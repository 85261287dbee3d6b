#include <ATen/ops/index_select.h>
#include <ATen/ops/select.h>
#include <ATen/ops/slice.h>
#include <ATen/ops/tensor.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <utility>

namespace lensbench {
namespace {

/// Index counted from the start of an axis.
std::int64_t from_start(std::int64_t index, std::int64_t size) {
  const std::int64_t counted = index < 0 ? index + size : index;
  if (counted >= 0 && counted < size) return counted;
  throw UsageError("slice: index " + std::to_string(index) + " is outside an axis of " +
                   std::to_string(size) + " elements; give " + std::to_string(-size) + " to " +
                   std::to_string(size - 1));
}

}  // namespace

Slice::Slice(std::int64_t index) : kind_(Kind::index), begin_(index) {}

Slice::Slice(std::int64_t begin, std::int64_t end, std::int64_t step)
    : kind_(Kind::range), begin_(begin), end_(end), step_(step) {}

Slice::Slice(std::vector<std::int64_t> indices) : kind_(Kind::list), indices_(std::move(indices)) {}

/// Selection along one axis as in Python: an index removes the axis, a range and a list keep it.
at::Tensor Slice::apply(const at::Tensor& x, std::int64_t dim) const {
  switch (kind_) {
    case Kind::all:
      return x;
    case Kind::index:
      return x.select(dim, from_start(begin_, x.size(dim)));
    case Kind::range:
      if (step_ < 1)
        throw UsageError("slice: the step is " + std::to_string(step_) + "; give 1 or more");
      return x.slice(dim, begin_, end_, step_);
    case Kind::list:
      break;
  }
  // A list is copied; index and range are views.
  std::vector<std::int64_t> counted;
  for (const std::int64_t index : indices_) counted.push_back(from_start(index, x.size(dim)));
  return x.index_select(dim, at::tensor(counted, at::kLong).to(x.device()));
}

}  // namespace lensbench
