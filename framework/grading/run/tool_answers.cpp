#include "grading/run/tool_answers.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <lensbench/context.hpp>
#include <lensbench/error.hpp>
#include <lensbench/experiment.hpp>
#include <optional>

#include "bench/access/case_access.hpp"
#include "bench/access/context_access.hpp"
#include "bench/case_input.hpp"
#include "bench/intact_weights.hpp"
#include "bench/parameter_check.hpp"
#include "bench/plugin_handles.hpp"
#include "bench/results/result_check.hpp"
#include "bench/run/single_tool.hpp"
#include "core/foreign_exception.hpp"
#include "grading/run/graded_settings.hpp"

// One tool on one task, as `lensbench tool` calls it: the same checks of parameters and results.
// The parameters differ from prompt to prompt, since each has its own answer and foil.

namespace lensbench::grading {
namespace {

/// Two variables may differ by the rounding of two ways to compute an item.
constexpr double kAgreement = 1e-4;

/// Calls code of a plug-in, which may throw anything. \return the message; empty without an error
template <class Work>
std::string failure_of(Work&& work) {
  try {
    work();
    return "";
  } catch (...) {
    return text_of_foreign_exception();
  }
}

std::vector<CaseInput> cases_of(const Task& task) {
  std::vector<CaseInput> cases;
  cases.reserve(task.prompts.size());
  for (std::size_t i = 0; i < task.prompts.size(); ++i)
    cases.push_back({task.name + "-" + std::to_string(i + 1), "", task.prompts[i].ids, {}});
  return cases;
}

void check_declared(const PluginInfo& tool, const Dataset& dataset) {
  check_result(dataset, "tool '" + tool.name + "' returned a malformed dataset");
  if (tool.results.empty()) return;
  if (const auto problem = schema_problem(tool.results, dataset); !problem.empty())
    throw ResultError("tool '" + tool.name +
                      "' returned another result than it declares: " + problem);
}

/// Adds the items of one variable to those of the others with the same claim.
void join_items(ClaimedTask& claimed, std::size_t prompt, const ItemValues& values,
                const std::string& variable, double tolerance) {
  for (const auto& [item, value] : values) {
    const auto [known, is_new] = claimed.prompts[prompt].emplace(item, value);
    if (is_new || std::isnan(value)) continue;
    if (std::isnan(known->second)) {
      known->second = value;
    } else if (std::abs(known->second - value) > tolerance) {
      claimed.contradiction = "'" + variable + "' and another variable differ about " + item +
                              " on prompt " + std::to_string(prompt + 1);
    }
  }
}

/// Reads all claims of a result.
void read_claims(const Question& question, const Dataset& dataset, std::size_t prompt,
                 double tolerance, ToolAnswers& answers) {
  for (const Variable& variable : dataset.variables())
    for (const Claim& claim : claims_of(variable)) {
      if (find_claim(claim.name).family == ClaimFamily::later) {
        if (prompt == 0) answers.later.push_back(claim.name);
        continue;
      }
      const ClaimedItems items =
          claimed_items(dataset, variable, claim, question.model->spec(), question.task, prompt);
      ClaimedTask& claimed = answers.claims[{claim.name, items.of_stream}];
      claimed.of_stream = items.of_stream;
      claimed.prompts.resize(question.task.prompts.size());
      join_items(claimed, prompt, items.values, variable.name, tolerance);
    }
}

class Asked {
 public:
  Asked(const Question& question, double gap)
      : question_(question),
        context_(ContextAccess::make(question.model, question.seed)),
        cases_(cases_of(question.task)),
        tolerance_(kAgreement * std::abs(gap)) {
    // Means over the reference are means over the prompts of the task. A tool that is trained has
    // seen others, and is asked about one prompt at a time.
    if (!trains()) set_reference_cases(context_, cases_);
  }

  ToolAnswers answers(std::size_t most) {
    ToolAnswers result;
    std::optional<ToolHandle> tool;
    result.refusal = failure_of([&] {
      tool = create_tool(question_.host, question_.tool.name);
      (*tool)->attach(context_, question_.tool.parameters, "tool '" + question_.tool.name + "'");
      (*tool)->check_compatible(*question_.model);
    });
    const std::size_t n = std::min(most, cases_.size());
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < n && result.refusal.empty() && !fails_always(result); ++i)
      ask_about(**tool, i, result);
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
  }

 private:
  /// Whether the first prompts all failed for one reason, which others would repeat.
  static bool fails_always(const ToolAnswers& result) {
    constexpr std::size_t kEnough = 3;
    if (result.answered > 0 || result.failures.size() < kEnough) return false;
    const std::string& first = result.failures.begin()->second;
    return std::all_of(result.failures.begin(), result.failures.end(),
                       [&](const auto& failure) { return failure.second == first; });
  }

  GivenTraining training_of(std::size_t prompt) const {
    return given_training(question_.tool.parameters, question_.task, question_.training, prompt);
  }
  bool trains() const { return training_of(0).parameter != nullptr; }

  Settings settings_of(std::size_t prompt) const {
    Settings settings = bound_settings(question_.tool.parameters, question_.task.prompts[prompt],
                                       question_.settings, question_.bind);
    if (const GivenTraining given = training_of(prompt); given.parameter != nullptr)
      settings.emplace(given.parameter->name, given.file.string());
    return settings;
  }

  /// What the tool says of settings; empty if it takes them.
  std::string refusal_of(Tool& tool, const Settings& settings,
                         std::optional<Parameters>& parameters) const {
    return failure_of([&] {
      parameters = question_.host.resolve(question_.tool, settings);
      check_against_model(*parameters, *question_.model);
      tool.check_parameters(*parameters);
    });
  }

  /// A tool that says something else as soon as it has a file lacks the file, whatever it says: the
  /// reason is then why the task has no training prompts.
  std::string explained(Tool& tool, std::size_t prompt, const std::string& refusal) const {
    if (trains() || question_.training.own.empty()) return refusal;
    const Settings settings = settings_of(prompt);
    for (const MissingTraining& missing : missing_training(question_.tool.parameters, settings)) {
      Settings with_file = settings;
      with_file[missing.parameter] = question_.training.own.string();
      std::optional<Parameters> unused;
      if (refusal_of(tool, with_file, unused) != refusal) return missing.sentence;
    }
    return refusal;
  }

  void ask_about(Tool& tool, std::size_t prompt, ToolAnswers& result) {
    if (trains()) set_reference_cases(context_, {cases_[prompt]});
    std::optional<Parameters> parameters;
    result.refusal = refusal_of(tool, settings_of(prompt), parameters);
    if (!result.refusal.empty()) {
      result.refusal = explained(tool, prompt, result.refusal);
      return;
    }
    const std::string failure = failure_of([&] {
      ContextAccess::begin_case(context_);
      const Case c = CaseAccess::make(static_cast<std::int64_t>(prompt), cases_[prompt], context_,
                                      *parameters);
      const Dataset dataset = tool.run(request_of(tool, c));
      check_declared(question_.tool, dataset);
      read_claims(question_, dataset, prompt, tolerance_, result);
    });
    // An error of the whole grading: all later answers would be about another model.
    require_intact_weights(*question_.model, "tool '" + question_.tool.name + "'");
    if (failure.empty())
      ++result.answered;
    else
      result.failures[prompt] = failure;
  }

  const Question& question_;
  Context context_;
  std::vector<CaseInput> cases_;
  double tolerance_;
};

}  // namespace

ToolAnswers ask(const Question& question, std::size_t most, double gap) {
  return Asked(question, gap).answers(most);
}

}  // namespace lensbench::grading
