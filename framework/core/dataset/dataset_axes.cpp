#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>
#include <limits>

// Axes that all tools share, with the names of the table of axes that reports and other programs
// rely on.

namespace lensbench {
namespace {

at::Tensor int32_range(std::int64_t first, std::int64_t count) {
  return at::arange(first, first + count, at::kInt);
}

/// Ids are checked, because an id outside of int32 would become another one silently.
at::Tensor int32_ids(const std::vector<std::int64_t>& ids) {
  const auto values = at::empty({static_cast<std::int64_t>(ids.size())}, at::kInt);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] > std::numeric_limits<std::int32_t>::max())
      throw UsageError("token axis: id " + std::to_string(ids[i]) + " at position " +
                       std::to_string(i) + " is not a token id (expected 0 to 2147483647)");
    values.data_ptr<std::int32_t>()[i] = static_cast<std::int32_t>(ids[i]);
  }
  return values;
}

}  // namespace

namespace {

void add_label(Dataset& dataset, const char* name, at::Tensor values, const char* long_name,
               Holds holds) {
  dataset.add({.name = name,
               .dims = {"token"},
               .tensor = std::move(values),
               .long_name = long_name,
               .coordinate = true,
               .holds = holds});
}

}  // namespace

/// `case` is 0 here: joining the cases of a run gives the numbers.
void add_token_axis(Dataset& dataset, const std::vector<std::int64_t>& ids,
                    const std::vector<std::string>& texts, std::int64_t first_position) {
  if (ids.size() != texts.size())
    throw UsageError("token axis: " + std::to_string(ids.size()) + " ids but " +
                     std::to_string(texts.size()) + " texts");
  const auto n = static_cast<std::int64_t>(ids.size());
  dataset.add_coordinate("token", int32_range(0, n), "row of the token axis");
  add_label(dataset, "case", at::zeros({n}, at::kInt), "number of the case", Holds::numbers);
  add_label(dataset, "position", int32_range(first_position, n), "position in the sequence, from 0",
            Holds::numbers);
  add_label(dataset, "input_id", int32_ids(ids), "token id at this position", Holds::token_ids);
  dataset.add({.name = "input_token",
               .dims = {"token"},
               .strings = texts,
               .long_name = "token text at this position",
               .coordinate = true});
}

/// Layer 0 is the embedding's output, so the axis is one longer than the number of blocks.
void add_layer_axis(Dataset& dataset, std::int64_t n_layers) {
  dataset.add_coordinate("layer", int32_range(0, n_layers + 1),
                         "residual stream after this many blocks");
  std::vector<std::string> names{"embed"};
  for (std::int64_t layer = 0; layer < n_layers; ++layer)
    names.push_back(std::to_string(layer) + "_resid_post");
  dataset.add({.name = "layer_label",
               .dims = {"layer"},
               .strings = std::move(names),
               .long_name = "name of the residual stream",
               .coordinate = true});
}

}  // namespace lensbench
