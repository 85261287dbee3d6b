#include "cli/commands/replay/outcome.hpp"

#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/diff.hpp"
#include "archive/sandbox/guard.hpp"
#include "report/summary/diff_text.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// One line for the outcome. Different bits with equal request and environment are a fault of
/// lensbench or of a plug-in and are named so; another environment may differ within tolerance.
std::string verdict(const ArchiveDifference& difference) {
  const Agreement results = difference.results();
  if (!difference.same_recipe())
    return "not a replay: the request differs; results " + to_string(results);
  if (results == Agreement::identical) return "REPLAYED: identical in every bit";
  if (difference.same_environment())
    return "NOT DETERMINISTIC: equal request and environment, but different bits";
  if (results == Agreement::within_tolerance)
    return "REPLAYED: within tolerance, in another environment";
  return "DIFFERENT: the results differ from the archive";
}

/// Within one environment only identical bits count.
bool is_same_answer(const ArchiveDifference& difference) {
  const Agreement results = difference.results();
  if (results == Agreement::identical) return true;
  return results == Agreement::within_tolerance && !difference.same_environment();
}

int compare(const fs::path& file, const fs::path& out, bool as_json) {
  const ArchiveDifference difference = diff_archives(ArchiveReader(file), ArchiveReader(out));
  if (as_json) {
    json report = to_json(difference);
    report["verdict"] = verdict(difference);
    std::cout << report.dump(1) << "\n";
  } else {
    std::cout << describe(difference) << verdict(difference) << "\n";
  }
  return is_same_answer(difference) ? 0 : 1;
}

}  // namespace

void refuse_other_request(const RecordedRun& recorded, const RunPlan& plan, bool allowed) {
  const std::string& file = recorded.file;
  const auto differences = recipe_differences(file, plan);
  if (differences.empty()) return;
  std::string text;
  for (const FactDifference& fact : differences)
    text += "\n  " + fact.where + ": " + (fact.first.empty() ? "none" : fact.first) + " then, " +
            (fact.second.empty() ? "none" : fact.second) + " now";
  if (!allowed)
    throw InputError(file +
                     ": the run used other files than those found now; give the right --model, "
                     "--plugin-dir or --set, or run it nevertheless with --allow-different:" +
                     text);
  std::cerr << "lensbench: not a replay, since the request differs:" << text << "\n";
}

/// The archive is untrusted; the comparison reads its arrays in a confined child process.
int compare_replay(const fs::path& file, const fs::path& out, bool as_json) {
  return in_child({{file, out}}, [&] { return compare(file, out, as_json); });
}

}  // namespace lensbench::cli
