#include "common/activation_rows.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <numeric>
#include <set>

#include "common/chosen_points.hpp"

namespace lensbench::tracing {
namespace {

constexpr std::int64_t kMostRows = 16;  ///< sequences of a batch

/// The part of the model that reaches all points.
ForwardOptions forward_for(const TransformerSpec& spec, const std::vector<std::string>& names) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  const std::set<std::string> wanted(names.begin(), names.end());
  std::int64_t last = 0;
  bool after_blocks = false, in_blocks = false;
  for (const HookPoint& point : hook_points(spec)) {
    if (point.layer >= 0) in_blocks = true;
    if (!wanted.contains(point.name)) continue;
    if (point.layer >= 0)
      last = std::max(last, point.layer);
    else if (in_blocks)
      after_blocks = true;
  }
  if (after_blocks)
    options.logits = ForwardOptions::Logits::all;
  else
    options.stop_at_layer = last + 1;
  return options;
}

/// The numbers of one row at its position, in which padding precedes the tokens.
at::Tensor at_position(const at::Tensor& activation, std::int64_t row, std::int64_t padding,
                       std::int64_t position) {
  const at::Tensor own =
      activation[row].narrow(0, padding, activation.size(1) - padding).flatten(1);
  if (position < 0) return own.to(at::kDouble).mean(0).to(at::kFloat);
  return own[position].to(at::kFloat);
}

}  // namespace

std::vector<HookPoint> row_points(const std::string& tool, const TransformerSpec& spec,
                                  const std::vector<std::string>& globs) {
  std::vector<HookPoint> points = chosen_points(tool, spec, globs);
  for (const HookPoint& point : points)
    if (point.dims.size() < 3 || point.dims[0] != "batch" || point.dims[1] != "pos")
      throw UsageError(tool + ": hook point '" + point.name +
                       "' does not have a vector at each position; give points such as "
                       "blocks.*.hook_resid_post");
  return points;
}

std::int64_t common_width(const std::string& tool, const Model& model,
                          const std::vector<HookPoint>& points) {
  std::vector<std::string> names;
  names.reserve(points.size());
  for (const HookPoint& point : points) names.push_back(point.name);
  const auto rows = read_rows(tool, model, names, {tokens_from_ids(model, {0})}, {0}, [] {});
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].size(1) != rows[0].size(1))
      throw UsageError(tool + ": hook points '" + names[0] + "' and '" + names[i] + "' have " +
                       std::to_string(rows[0].size(1)) + " and " + std::to_string(rows[i].size(1)) +
                       " numbers at a position; give points of one width at a time");
  return rows[0].size(1);
}

std::vector<at::Tensor> read_rows(const std::string& tool, const Model& model,
                                  const std::vector<std::string>& names,
                                  const std::vector<Tokens>& sequences,
                                  const std::vector<std::int64_t>& positions,
                                  const std::function<void()>& stop) {
  const c10::NoGradGuard no_gradients;
  const ForwardOptions options = forward_for(model.spec(), names);
  // Sequences of alike length need little padding.
  std::vector<std::size_t> order(sequences.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sequences[a].size() < sequences[b].size();
  });
  std::vector<at::Tensor> rows(names.size());
  for (std::size_t first = 0; first < order.size(); first += kMostRows) {
    stop();
    const std::size_t count = std::min<std::size_t>(kMostRows, order.size() - first);
    std::vector<Tokens> batch;
    batch.reserve(count);
    for (std::size_t i = 0; i < count; ++i) batch.push_back(sequences[order[first + i]]);
    const std::int64_t longest = batch.back().size();
    Hooks hooks;
    for (std::size_t n = 0; n < names.size(); ++n)
      hooks.read(names[n], [&, n](const at::Tensor& activation, const HookPoint&) {
        const at::Tensor host = activation.detach().to(at::Device(at::kCPU));
        for (std::size_t i = 0; i < count; ++i) {
          const std::size_t example = order[first + i];
          const at::Tensor found = at_position(host, static_cast<std::int64_t>(i),
                                               longest - batch[i].size(), positions[example]);
          if (!rows[n].defined())
            rows[n] = at::zeros({std::ssize(sequences), found.size(0)}, at::kFloat);
          rows[n][static_cast<std::int64_t>(example)].copy_(found);
        }
      });
    model.forward(make_batch(batch), options, hooks);
  }
  for (std::size_t n = 0; n < names.size(); ++n)
    if (!rows[n].isfinite().all().item<bool>())
      throw RunError(tool + ": an activation of '" + names[n] +
                     "' is not finite; compute in a wider dtype");
  return rows;
}

}  // namespace lensbench::tracing
