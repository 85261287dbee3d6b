#include "grading/scores/metric_names.hpp"

namespace lensbench::grading {

std::vector<std::string> metric_names(TableKind kind, bool has_unit) {
  std::vector<std::string> names;
  switch (kind) {
    case TableKind::effects:
      names = {"auroc", "ap", "r", "rho", "r_total", "r_direct", "sign", "coverage"};
      if (has_unit) {
        names.emplace_back("error");
        names.emplace_back("largest");
      }
      return names;
    case TableKind::edges:
      names = {"auroc", "ap", "r", "sign", "coverage", "cpr", "cpr_by_value", "cmd", "cmd_log"};
      if (has_unit) {
        names.emplace_back("error");
        names.emplace_back("largest");
      }
      return names;
    case TableKind::stream:
      return {"mass", "distance", "r", "coverage", "error", "largest"};
    case TableKind::probability:
      return {"largest", "coverage"};
    case TableKind::rank:
      return {"wrong", "coverage"};
    case TableKind::layer:
      return {"layer_error", "after_answer_layer", "early", "coverage"};
    case TableKind::distribution:
      return {"largest", "error", "coverage"};
    case TableKind::attention:
      return {"mass", "idle_mass", "coverage", "largest"};
    case TableKind::features:
      return {"mcc", "found", "coverage", "fvu"};
    case TableKind::presence:
      return {"auroc", "present", "absent", "selectivity", "coverage"};
  }
  return names;
}

bool larger_is_better(const std::string& metric) {
  for (const char* worse : {"error", "largest", "distance", "wrong", "layer_error", "early",
                            "absent", "cmd", "cmd_log", "fvu", "null", "gauge"})
    if (metric == worse) return false;
  return true;
}

}  // namespace lensbench::grading
