#include "model/weights/quantized_tensor.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "model/runtime/parallel.hpp"

namespace lensbench {
namespace {

using Held = std::shared_ptr<const QuantizedMatrix>;

/// The storage of a quantized weight owns a reference to its matrix, and has this function to drop
/// it, by which it is known.
void release_matrix(void* held) {
  delete static_cast<Held*>(held);
}

template <class Narrow>
void round_each(float* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(static_cast<Narrow>(values[i]));
}

/// First and last row of the matrix that a view has elements of.
std::pair<std::int64_t, std::int64_t> rows_of(const at::Tensor& view, std::int64_t columns) {
  std::int64_t last = view.storage_offset();
  for (std::int64_t axis = 0; axis < view.dim(); ++axis)
    last += (view.size(axis) - 1) * view.stride(axis);
  return {view.storage_offset() / columns, last / columns};
}

}  // namespace

at::Tensor quantized_tensor(std::shared_ptr<const QuantizedMatrix> matrix, at::ScalarType type) {
  const std::int64_t rows = matrix->rows, columns = matrix->columns;
  const auto bytes = static_cast<std::size_t>(rows * columns) * c10::elementSize(type);
  c10::DataPtr reference(nullptr, new Held(std::move(matrix)), &release_matrix,
                         c10::Device(c10::DeviceType::Meta));
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes, std::move(reference));
  at::Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::Meta),
      c10::scalarTypeToTypeMeta(type));
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous({rows, columns});
  return tensor;
}

const QuantizedMatrix* quantized_matrix(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_meta()) return nullptr;
  const Held* held = tensor.storage().data_ptr().cast_context<Held>(&release_matrix);
  return held == nullptr ? nullptr : held->get();
}

void read_rounded(const QuantizedMatrix& matrix, at::ScalarType type, std::int64_t row,
                  std::int64_t first, std::int64_t count, float* to) {
  matrix.read(row, first, count, to);
  if (type == at::kBFloat16) round_each<c10::BFloat16>(to, count);
  if (type == at::kHalf) round_each<c10::Half>(to, count);
}

/// All columns of the rows that the view reaches are made, and the view of them is returned.
at::Tensor readable(const at::Tensor& weight) {
  const QuantizedMatrix* matrix = quantized_matrix(weight);
  if (matrix == nullptr) return weight;
  const at::ScalarType type = weight.scalar_type();
  if (weight.numel() == 0) return at::empty(weight.sizes(), at::TensorOptions().dtype(type));
  const std::int64_t columns = matrix->columns;
  const auto [first, last] = rows_of(weight, columns);
  const std::int64_t begin = first;
  at::Tensor rows = at::empty({last - first + 1, columns}, at::TensorOptions().dtype(type));
  for_each_parallel(rows.size(0), [&](std::int64_t row) {
    at::Tensor target = rows[row];
    if (type == at::kFloat) {
      matrix->read(begin + row, 0, columns, target.data_ptr<float>());
      return;
    }
    const at::Tensor wide = at::empty({columns}, at::TensorOptions().dtype(at::kFloat));
    matrix->read(begin + row, 0, columns, wide.data_ptr<float>());
    target.copy_(wide);
  });
  return rows.as_strided(weight.sizes(), weight.strides(),
                         weight.storage_offset() - begin * columns);
}

std::int64_t stored_bytes(const at::Tensor& weight) {
  if (!weight.defined()) return 0;
  const QuantizedMatrix* matrix = quantized_matrix(weight);
  if (matrix == nullptr) return static_cast<std::int64_t>(weight.nbytes());
  const double share =
      static_cast<double>(weight.numel()) / static_cast<double>(matrix->rows * matrix->columns);
  return static_cast<std::int64_t>(share * static_cast<double>(matrix->stored_bytes()));
}

}  // namespace lensbench
