#include "directions.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <lensbench/tensor_file.hpp>
#include <numeric>

namespace lensbench::steering {
namespace {

/// Number of a text that is nothing else; negative ones are refused with the range of the model.
std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// First and last depth of `3` or `2-4`.
std::pair<std::int64_t, std::int64_t> layer_range(const std::string& item) {
  // A sign is not the dash of a range.
  const auto dash = item.find('-', 1);
  const auto first = whole_number(item.substr(0, dash));
  const auto last = dash == std::string::npos ? first : whole_number(item.substr(dash + 1));
  if (!first || !last || *first > *last)
    throw UsageError("steering: layers has '" + item +
                     "', expected middle, all, or numbers and ranges such as 0,2-4");
  return {*first, *last};
}

/// Name of the tensor of a file that has the direction.
std::string direction_name(const TensorFile& file) {
  if (file.contains("direction")) return "direction";
  if (file.names().size() == 1) return file.names().front();
  throw UsageError("steering: direction '" + file.source() + "' has " +
                   std::to_string(file.names().size()) +
                   " tensors and none is named direction; name one of them so, or give "
                   "ARCHIVE.h5:results/NAME/VARIABLE");
}

/// Rows of a matrix for the depths, by the depths that the file gives its rows.
at::Tensor rows_of_layers(const TensorFile& file, const at::Tensor& matrix,
                          const std::vector<std::int64_t>& layers) {
  if (!file.contains("layer"))
    throw UsageError("steering: direction '" + file.source() + "' has " +
                     std::to_string(matrix.size(0)) +
                     " rows and does not say of which layers; choose one with direction_row");
  const at::Tensor known = file.read("layer", {matrix.size(0)}).to(at::kLong);
  std::vector<at::Tensor> rows;
  rows.reserve(layers.size());
  for (const std::int64_t layer : layers) {
    const at::Tensor found = known.eq(layer).nonzero();
    if (found.size(0) == 0)
      throw UsageError("steering: direction '" + file.source() + "' lacks a row of layer " +
                       std::to_string(layer) + "; give layers that it has, or direction_row");
    rows.push_back(matrix[found[0][0].item<std::int64_t>()]);
  }
  return at::stack(rows);
}

}  // namespace

std::vector<std::int64_t> checked_layers(const std::vector<std::int64_t>& layers,
                                         std::int64_t n_layers) {
  if (layers.empty()) return {n_layers / 2};
  for (const std::int64_t layer : layers) {
    if (layer < 0 || layer > n_layers)
      throw UsageError("steering: layer " + std::to_string(layer) +
                       " does not exist; give 0 (the embeddings) to " + std::to_string(n_layers) +
                       " (the last stream)");
    if (std::count(layers.begin(), layers.end(), layer) > 1)
      throw UsageError("steering: layer " + std::to_string(layer) +
                       " is given twice; give it once");
  }
  return layers;
}

std::vector<std::int64_t> parse_layers(const std::vector<std::string>& items,
                                       std::int64_t n_layers) {
  if (items.empty() || items == std::vector<std::string>{"middle"}) return {n_layers / 2};
  std::vector<std::int64_t> layers;
  if (items == std::vector<std::string>{"all"}) {
    layers.resize(static_cast<std::size_t>(n_layers) + 1);
    std::iota(layers.begin(), layers.end(), 0);
    return layers;
  }
  for (const std::string& item : items) {
    const auto [first, last] = layer_range(item);
    // A range beyond the model is refused by its first depth that does not exist.
    for (std::int64_t layer = first; layer <= std::min(last, n_layers + 1); ++layer)
      layers.push_back(layer);
    if (first > n_layers) layers.push_back(first);
  }
  std::vector<std::int64_t> sorted = layers;
  return checked_layers(sorted, n_layers);
}

at::Tensor direction_of_file(const std::string& source, std::optional<std::int64_t> row,
                             const std::vector<std::int64_t>& layers, std::int64_t d_model) {
  const TensorFile file(source);
  const std::string name = direction_name(file);
  const std::vector<std::int64_t> shape = file.shape(name);
  if (shape.size() != 2) {
    if (row)
      throw UsageError("steering: direction_row is given, but '" + name + "' of '" + source +
                       "' is not a matrix; leave it out");
    return file.read(name, {d_model}).to(at::kFloat);
  }
  const at::Tensor matrix = file.read(name, {-1, d_model}).to(at::kFloat);
  if (!row) return rows_of_layers(file, matrix, layers);
  if (*row < 0 || *row >= matrix.size(0))
    throw UsageError("steering: direction_row is " + std::to_string(*row) + ", but '" + name +
                     "' of '" + source + "' has rows 0 to " + std::to_string(matrix.size(0) - 1));
  return matrix[*row];
}

namespace {

void check_row(const at::Tensor& row, const std::string& layer) {
  if (!at::isfinite(row).all().item<bool>())
    throw UsageError("steering: the direction of layer " + layer +
                     " contains NaN or infinity; give finite numbers");
  if (!(row.norm().item<double>() > 0))
    throw UsageError("steering: the direction of layer " + layer +
                     " is zero, as where both prompts have equal tokens up to the aligned ones; "
                     "give other layers, another align or another direction");
}

}  // namespace

at::Tensor direction_rows(const at::Tensor& directions, const std::vector<std::int64_t>& layers,
                          std::int64_t d_model) {
  const auto n = static_cast<std::int64_t>(layers.size());
  if (!directions.defined()) throw UsageError("steering: the direction is missing; give a tensor");
  // One direction serves every depth.
  const bool one = directions.dim() == 1;
  if ((!one && (directions.dim() != 2 || directions.size(0) != n)) ||
      directions.size(-1) != d_model)
    throw UsageError("steering: the direction has shape " + c10::str(directions.sizes()) +
                     ", expected [" + std::to_string(d_model) + "], or [" + std::to_string(n) +
                     ", " + std::to_string(d_model) + "] with a row for each layer");
  const at::Tensor rows =
      (one ? directions.unsqueeze(0).expand({n, -1}) : directions).to(at::kCPU).to(at::kFloat);
  for (std::int64_t i = 0; i < n; ++i)
    check_row(rows[i], std::to_string(layers[static_cast<std::size_t>(i)]));
  return rows.contiguous();
}

at::Tensor random_directions(const at::Tensor& direction, std::int64_t draws, std::uint64_t seed,
                             std::int64_t layer) {
  const std::int64_t size = direction.size(0);
  const at::Tensor v = direction.to(at::kDouble), u = v / v.norm();
  at::Tensor all = at::empty({draws, size}, at::kDouble);
  // A stream for each depth, so that the draws of one do not depend on which others are asked for.
  Philox random(seed, kControlStream + (static_cast<std::uint64_t>(layer) << 32));
  double* next = all.data_ptr<double>();
  for (std::int64_t i = 0; i < draws * size; ++i) *next++ = random.normal();
  // Orthogonal to the direction, else part of its effect would be in the control.
  all = all - all.matmul(u).unsqueeze(1) * u;
  return (all / all.norm(2, {1}, true) * v.norm()).to(at::kFloat);
}

}  // namespace lensbench::steering
