#pragma once

#include <lensbench/context.hpp>
#include <lensbench/dataset.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/sweep.hpp>
#include <lensbench/tools/activation_patching.hpp>
#include <string>
#include <vector>

#include "grid.hpp"
#include "values.hpp"

// The sweep of a request, and its dataset.

namespace lensbench::patching {

/// Everything of one sweep before it is run.
struct Plan {
  Context& context;
  const Tokens& base;
  const MetricReader& reader;
  const std::vector<GridPoint>& points;
  const Values& values;
  const ActivationPatchingOptions& options;
  /// Whether all cells run a second time, with the values of another drawn prompt.
  bool with_control = false;
};

/// A sweep with its receipts.
struct Swept {
  Grid grid;
  SweepResult result;
  double base_metric = 0.0;
  std::vector<Receipt> receipts = {};
};

/// Runs the cells. \param source  the other run of a pair; nullptr for an ablation
Swept run_sweep(const Plan& plan, const Tokens* source, double source_metric);

/// Runs the cells of a sweep with the values of the control. \return effects, [cell]
at::Tensor run_control(const Plan& plan, const Swept& swept, const Values& values);

/// Adds the effects of the control. \param effects  [cell]; undefined: there is no other prompt
void add_control(Dataset& dataset, const Plan& plan, const Swept& swept, const at::Tensor& effects);

/// Adds the axes of the blocks and of the heads of all points.
void add_axes(Dataset& dataset, const TransformerSpec& spec, const Grid& grid);

/// Adds effects, and recoveries by the gap. \param gap  nullptr for an ablation
void add_cells(Dataset& dataset, const Plan& plan, const Swept& swept, const Gap* gap);

/// Says what the effects claim, for `lensbench grade`. \param claim  `effect.denoise`
void add_claims(Dataset& dataset, const Plan& plan, const std::string& claim);

void add_scalar(Dataset& dataset, const char* name, double value, const char* units,
                const char* long_name);

/// Adds the options by their names. \param source  where replacements come from
void add_options(Dataset& dataset, const Plan& plan, const std::string& source);

}  // namespace lensbench::patching
