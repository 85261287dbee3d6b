#include "archive/run/unfinished_run.hpp"

#include <lensbench/error.hpp>

#include "archive/run/case_file.hpp"
#include "archive/run/run_plan.hpp"
#include "core/text/json.hpp"

namespace lensbench {

UnfinishedRun inspect_run(const std::filesystem::path& folder) {
  const nlohmann::json plan = read_json(folder / "plan.json", kPlanLimits);
  if (!plan.contains("cases") || !plan["cases"].is_array())
    throw InputError((folder / "plan.json").string() + ": not the plan of a run");
  UnfinishedRun run;
  run.planned = plan["cases"].size();
  for (const auto& entry : std::filesystem::directory_iterator(folder / "units")) {
    if (entry.path().extension() != ".h5") continue;
    try {
      const CaseFileReader file(entry.path().string());
      if (file.header().key != entry.path().stem())
        throw InputError("the file has the name of another case");
      ++(file.header().failed() ? run.failed : run.complete);
    } catch (const InputError&) {
      ++run.damaged;
    }
  }
  return run;
}

}  // namespace lensbench
