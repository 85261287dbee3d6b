#include "formula.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace lensbench::steering {
namespace {

/// Columns of an activation that are changed, [1, column, 1]; undefined if none is.
at::Tensor changed_columns(const SteeredTokens& where, const RowPositions& positions,
                           std::int64_t columns) {
  std::vector<std::int64_t> flags;
  flags.reserve(static_cast<std::size_t>(columns));
  for (std::int64_t column = 0; column < columns; ++column)
    flags.push_back(where.contains(positions.first + column, positions.prompt) ? 1 : 0);
  if (std::count(flags.begin(), flags.end(), 1) == 0) return {};
  return at::tensor(flags, at::kLong).to(at::kBool).view({1, columns, 1});
}

/// Rows of a batch that are changed at one depth.
struct LayerRows {
  std::vector<std::int64_t> rows;
  std::vector<at::Tensor> directions;
  std::vector<double> amounts;
};

HookReplacer replacer_of(SteeringMode mode, const SteeredTokens& where, const LayerRows& layer) {
  const auto n = static_cast<std::int64_t>(layer.rows.size());
  return [mode, where, rows = at::tensor(layer.rows, at::kLong),
          directions = at::stack(layer.directions).unsqueeze(1),
          amounts = at::tensor(layer.amounts, at::kDouble).view({n, 1, 1})](
             const at::Tensor& x, const HookPoint& point) -> at::Tensor {
    const at::Tensor mask = changed_columns(where, row_positions(point), x.size(1));
    // This forward has no token of those to change: the activation stays as it is.
    if (!mask.defined()) return {};
    const at::Tensor index = rows.to(x.device());
    const at::Tensor part = x.index_select(0, index);
    at::Tensor result = x.clone();
    result.index_copy_(
        0, index, at::where(mask.to(x.device()), steered(mode, part, directions, amounts), part));
    return result;
  };
}

}  // namespace

at::Tensor steered(SteeringMode mode, const at::Tensor& x, const at::Tensor& direction,
                   const at::Tensor& amount) {
  const at::ScalarType type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor wide = x.to(type), v = direction.to(x.device()).to(type);
  const at::Tensor a = amount.to(x.device()).to(type);
  // The direction as it is: its length is part of what is added.
  if (mode == SteeringMode::add) return (wide + v * a).to(x.scalar_type());
  // A component is along the unit vector, whatever the length of the direction.
  const at::Tensor u = v / v.norm(2, {-1}, true);
  const at::Tensor along = (wide * u).sum(-1, true);
  const at::Tensor change = mode == SteeringMode::project ? -along : a - along;
  return (wide + change * u).to(x.scalar_type());
}

at::Tensor steered(SteeringMode mode, const at::Tensor& x, const at::Tensor& direction,
                   double amount) {
  return steered(mode, x, direction, at::scalar_tensor(amount, at::kDouble));
}

bool SteeredTokens::contains(std::int64_t position, std::int64_t prompt) const {
  if (!positions.empty())
    return std::find(positions.begin(), positions.end(), position) != positions.end();
  switch (part) {
    case SteeredPart::prompt:
      return position < prompt;
    case SteeredPart::generated:
      return position >= prompt;
    case SteeredPart::last:
      return position == prompt - 1;
    case SteeredPart::all:
      break;
  }
  return true;
}

std::vector<std::int64_t> SteeredTokens::of_prompt(std::int64_t length) const {
  std::vector<std::int64_t> found;
  for (std::int64_t position = 0; position < length; ++position)
    if (contains(position, length)) found.push_back(position);
  return found;
}

InterventionSite SteeredTokens::site(std::string hook) const {
  InterventionSite site;
  site.hook = std::move(hook);
  site.positions = positions;
  if (!positions.empty()) return site;
  if (part == SteeredPart::prompt) site.where = SequencePart::prompt;
  if (part == SteeredPart::generated) site.where = SequencePart::generated;
  // Negative positions count from the end of the prompt, in generation too.
  if (part == SteeredPart::last) site.positions = {-1};
  return site;
}

Hooks hooks_of(const TransformerSpec& spec, SteeringMode mode, const SteeredTokens& where,
               const std::vector<SteeredRun>& runs) {
  std::map<std::int64_t, LayerRows> layers;
  for (std::size_t row = 0; row < runs.size(); ++row) {
    // Rows without a hook keep their bits.
    if (runs[row].unchanged) continue;
    LayerRows& layer = layers[runs[row].layer];
    layer.rows.push_back(static_cast<std::int64_t>(row));
    layer.directions.push_back(runs[row].direction);
    layer.amounts.push_back(runs[row].amount);
  }
  Hooks hooks;
  for (const auto& [layer, rows] : layers)
    hooks.replace(residual_hook(spec, layer), replacer_of(mode, where, rows));
  return hooks;
}

std::vector<Intervention> interventions_of(const TransformerSpec& spec, SteeringMode mode,
                                           const SteeredTokens& where, const SteeredRun& run) {
  if (run.unchanged) return {};
  const InterventionSite site = where.site(residual_hook(spec, run.layer));
  switch (mode) {
    case SteeringMode::project:
      return {{site, ProjectOut{run.direction}}};
    case SteeringMode::clamp:
      return {{site, SetAlong{run.direction, run.amount}}};
    case SteeringMode::add:
      break;
  }
  return {{site, AddValue{run.direction, run.amount}}};
}

double relative_step(SteeringMode mode, double stream_norm, const at::Tensor& direction) {
  if (mode == SteeringMode::project) return 1;
  const bool add = mode == SteeringMode::add;
  return stream_norm / (add ? direction.to(at::kDouble).norm().item<double>() : 1.0);
}

}  // namespace lensbench::steering
