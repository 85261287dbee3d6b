#include <iostream>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands/actions.hpp"
#include "cli/commands/list/list_entries.hpp"
#include "cli/parse/options.hpp"
#include "core/text/suggest.hpp"
#include "grading/claims/claim.hpp"
#include "model/stored_model.hpp"

namespace lensbench::cli {
namespace {

int list_families(const Options& options) {
  const auto families = model_families();
  if (options.flag("json"))
    std::cout << nlohmann::json(families).dump() << "\n";
  else
    for (const auto& family : families) std::cout << family << "\n";
  return 0;
}

/// Hook points follow from the configuration of a model; \throws UsageError without one.
int list_hooks(const Options& options) {
  if (options.text("model").empty())
    throw UsageError("list hooks: --model is missing; the hook points depend on the model");
  const auto points = hook_points(open_as_stored(options.text("model")).model->spec());
  nlohmann::json list = nlohmann::json::array();
  for (const auto& point : points) {
    if (options.flag("json"))
      list.push_back({{"name", point.name},
                      {"layer", point.layer},
                      {"dims", point.dims},
                      {"aliases", point.aliases}});
    else
      std::cout << point.name << "  [" << join(point.dims, ", ") << "]"
                << (point.aliases.empty() ? "" : "  = " + join(point.aliases, ", ")) << "\n";
  }
  if (options.flag("json")) std::cout << list.dump(1) << "\n";
  return 0;
}

int list_claims(const Options& options) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& claim : grading::known_claims()) {
    const bool is_graded = claim.family != grading::ClaimFamily::later;
    list.push_back({{"name", claim.name},
                    {"truth", claim.truth},
                    {"unit", claim.unit},
                    {"larger", claim.larger},
                    {"meaning", claim.meaning},
                    {"graded", is_graded}});
    if (options.flag("json")) continue;
    std::cout << claim.name << "  in " << claim.unit << ", larger: " << claim.larger << "\n    "
              << claim.meaning << "\n    truth.json: " << claim.truth
              << (is_graded ? "" : " (not graded yet)") << "\n";
  }
  if (options.flag("json")) std::cout << list.dump(1) << "\n";
  return 0;
}

}  // namespace

/// Each subject of the list has its own options: the model counts for hooks only, plug-ins for
/// tools and experiments.
int run_list(const Options& options) {
  const auto& what = options.operand(0);
  if (what == "tools") return list_entries(PluginEntryKind::tool, options);
  if (what == "experiments") return list_entries(PluginEntryKind::experiment, options);
  if (what == "families") return list_families(options);
  if (what == "claims") return list_claims(options);
  return list_hooks(options);
}

}  // namespace lensbench::cli
