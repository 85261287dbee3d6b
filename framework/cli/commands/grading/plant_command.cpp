#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>

#include "checkpoint/checkpoint.hpp"
#include "cli/commands/actions.hpp"
#include "core/files/new_folder.hpp"
#include "core/text/suggest.hpp"
#include "grading/check/check_planted.hpp"
#include "grading/plant/plant.hpp"
#include "grading/truth/truth_file.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;
using grading::PlantRequest;

// Numbers that differ, printed of one folder.
constexpr std::size_t kPrinted = 20;
constexpr std::int64_t kMostPrompts = 10000;

std::int64_t prompts_of(const std::string& value) {
  std::size_t used = 0;
  std::int64_t count = 0;
  try {
    count = std::stoll(value, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != value.size() || count < 1 || count > kMostPrompts)
    throw UsageError("plant: --set prompts is '" + value + "', expected 1 to " +
                     std::to_string(kMostPrompts));
  return count;
}

void add_plant_setting(PlantRequest& request, const std::string& text) {
  const std::size_t sign = text.find('=');
  const std::string key = text.substr(0, sign);
  const std::string value = sign == std::string::npos ? "" : text.substr(sign + 1);
  if (key == "prompts") {
    request.prompts = prompts_of(value);
  } else if (key == "edges") {
    if (value != "true" && value != "false")
      throw UsageError("plant: --set edges is '" + value + "', expected true or false");
    request.edges = value == "true";
  } else {
    throw UsageError("plant: --set names '" + key + "'" + suggest(key, {"prompts", "edges"}));
  }
}

void plant_into(const PlantRequest& request, const fs::path& target) {
  NewFolder folder(target);
  const grading::Truth truth = grading::plant(request, folder.path());
  folder.publish();
  std::size_t prompts = 0;
  for (const grading::Task& task : truth.tasks) prompts += task.prompts.size();
  std::cerr << "wrote " << target.string() << ": " << truth.name << ", seed " << request.seed
            << ", " << truth.tasks.size() << (truth.tasks.size() == 1 ? " task, " : " tasks, ")
            << prompts << " prompts\n";
}

std::vector<std::string> known_kinds() {
  std::vector<std::string> names;
  for (const auto& kind : grading::plant_kinds()) names.push_back(kind.name);
  return names;
}

int plant_models(const Options& options) {
  if (options.operands().size() > 1)
    throw UsageError("plant: unexpected argument '" + options.operand(1) +
                     "' after KIND; plant one kind at a time, or all");
  if (!options.given("out")) throw UsageError("plant: --out DIR is missing, the folder to write");
  PlantRequest request;
  request.kind = options.operand(0);
  request.seed = static_cast<std::int64_t>(options.count("seed"));
  if (options.text("gauge") == "rotated") request.gauge = grading::Gauge::rotated;
  for (const std::string& text : options.list("set")) add_plant_setting(request, text);
  const fs::path out = options.text("out");
  if (request.kind != "all") {
    plant_into(request, out);
    return 0;
  }
  for (const std::string& kind : known_kinds()) {
    request.kind = kind;
    plant_into(request, out / kind);
  }
  return 0;
}

/// Prints what differs. \return whether everything agrees
bool check_folder(const fs::path& folder) {
  const grading::Truth truth = grading::read_truth(folder);
  const grading::CheckedTruth checked =
      grading::check_planted(truth, grading::read_exact_model(Checkpoint(folder)));
  std::cout << folder.string() << ": " << checked.numbers << " numbers, " << checked.wrong.size()
            << " differ\n";
  for (std::size_t i = 0; i < std::min(kPrinted, checked.wrong.size()); ++i)
    std::cout << "  " << describe(checked.wrong[i]) << "\n";
  if (checked.wrong.size() > kPrinted)
    std::cout << "  and " << checked.wrong.size() - kPrinted << " more\n";
  return checked.wrong.empty();
}

int check_folders(const Options& options) {
  for (const char* other : {"out", "seed", "gauge", "set"})
    if (options.given(other))
      throw UsageError(std::string("plant: --") + other +
                       " is for new models; leave it out with --check");
  bool agree = true;
  for (const std::string& folder : options.operands()) agree = check_folder(folder) && agree;
  return agree ? 0 : 1;
}

}  // namespace

int run_plant(const Options& options) {
  return options.flag("check") ? check_folders(options) : plant_models(options);
}

}  // namespace lensbench::cli
