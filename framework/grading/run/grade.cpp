#include "grading/run/grade.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <optional>
#include <set>

#include "bench/plugin_handles.hpp"
#include "core/text/glob.hpp"
#include "grading/run/exact_controls.hpp"
#include "grading/run/graded_settings.hpp"
#include "grading/run/shuffled_model.hpp"
#include "grading/run/tool_answers.hpp"
#include "grading/run/truth_tables.hpp"
#include "grading/truth/truth_file.hpp"
#include "model/runtime/threads.hpp"
#include "plugin/plugin_host.hpp"

// The loop over models, tasks and tools. One model is open at a time, since planted models are
// small and many.

namespace lensbench::grading {
namespace {

namespace fs = std::filesystem;

/// A tool with one of its settings, and what became of it so far.
struct Candidate {
  const PluginInfo* tool = nullptr;
  std::string settings_text;
  Settings settings;
  std::map<std::pair<std::string, bool>, Entry> entries;
  bool claims_nothing = false;
  std::set<std::string> later;
  std::string refusal;
  std::set<std::size_t> refused_models;
  double seconds = 0;
  std::size_t prompts = 0;

  bool has_answered() const { return prompts > 0; }
};

/// Settings that the request adds, where the tool declares them.
Settings own_settings(const PluginInfo& tool, const Settings& set) {
  Settings own;
  for (const auto& [name, value] : set)
    for (const ParameterInfo& parameter : tool.parameters)
      if (parameter.name == name) own[name] = value;
  return own;
}

std::vector<const PluginInfo*> chosen_tools(const PluginHost& host,
                                            const std::vector<std::string>& names) {
  std::vector<const PluginInfo*> tools;
  for (const std::string& name : names) tools.push_back(&host.find(PluginEntryKind::tool, name));
  if (names.empty())
    for (const PluginInfo& entry : host.entries())
      if (entry.kind == PluginEntryKind::tool) tools.push_back(&entry);
  return tools;
}

std::vector<Candidate> candidates_of(const PluginHost& host, const GradeRequest& request) {
  std::vector<Candidate> candidates;
  for (const PluginInfo* tool : chosen_tools(host, request.tools)) {
    // Libraries are tried in a child process, which forks safely before there are threads.
    create_tool(host, tool->name);
    const std::string subject = "tool '" + tool->name + "'";
    std::vector<std::string> texts = tool->graded_settings;
    if (texts.empty()) texts.emplace_back();
    for (const std::string& text : texts) {
      Candidate candidate;
      candidate.tool = tool;
      candidate.settings_text = text;
      candidate.settings = parse_settings(text, subject);
      for (const auto& [name, value] : own_settings(*tool, request.set)) {
        candidate.settings[name] = value;
        candidate.settings_text +=
            (candidate.settings_text.empty() ? "" : ",") + name + "=" + value;
      }
      candidates.push_back(std::move(candidate));
    }
  }
  return candidates;
}

/// A name that no tool has is a mistake of the request.
void check_names(const std::vector<Candidate>& candidates, const Settings& set,
                 const std::map<std::string, std::string>& bind) {
  const auto require = [&](const std::string& name, const char* option) {
    for (const Candidate& candidate : candidates)
      for (const ParameterInfo& parameter : candidate.tool->parameters)
        if (parameter.name == name) return;
    throw UsageError(std::string("grade: ") + option + " names the parameter '" + name +
                     "', which none of the graded tools has; correct the name");
  };
  for (const auto& [name, value] : set) require(name, "--set");
  for (const auto& [name, field] : bind) {
    require(name, "--bind");
    field_text(PromptPair(), field);
  }
}

/// A model with its controls; null where a control was not asked for.
struct OpenModel {
  std::shared_ptr<const Model> planted, shuffled, turned;
  HeadNames turned_heads;
};

/// NaN is a number that is not there yet.
void keep_largest(double& largest, const NumberOfClaim& numbers,
                  const std::pair<std::string, bool>& key) {
  const auto found = numbers.find(key);
  if (found != numbers.end()) largest = std::fmax(largest, found->second);
}

/// Whether a truth says anything about a task that this version scores.
bool is_graded(const Task& task) {
  return (task.effects && task.metric) || task.readout || !task.attention.empty();
}

class Grading {
 public:
  Grading(const GradeRequest& request, const GradeListener& listener)
      : request_(request), listener_(listener), host_(plugin_policy(request.plugins)) {
    find_plugins(host_, request_.plugins, listener_.warn);
    candidates_ = candidates_of(host_, request_);
    check_names(candidates_, request_.set, request_.bind);
    read_models();
  }

  Grades run() {
    set_threads(static_cast<int>(request_.threads > 0 ? request_.threads : default_threads()));
    for (std::size_t model = 0; model < grades_.models.size(); ++model) grade_model(model);
    collect();
    estimate_all();
    return std::move(grades_);
  }

 private:
  void read_models() {
    for (const fs::path& given : request_.models)
      for (const fs::path& folder : planted_folders(given))
        grades_.models.push_back({folder, read_truth(folder)});
    for (std::size_t model = 0; model < grades_.models.size(); ++model) {
      const auto& tasks = grades_.models[model].truth.tasks;
      for (std::size_t task = 0; task < tasks.size(); ++task)
        if (is_graded(tasks[task])) grades_.tasks.push_back({model, task});
    }
    if (grades_.tasks.empty())
      throw InputError(request_.models.front().string() +
                       ": no task has effects, a readout or attention in its truth, so that "
                       "nothing can be scored; give another folder with --models");
  }

  OpenModel open(std::size_t index) {
    const fs::path& folder = grades_.models[index].folder;
    OpenModel model;
    model.planted = Model::open(folder.string());
    spec_ = model.planted->spec();
    if (request_.controls.shuffled) model.shuffled = shuffled_model(model.planted, request_.seed);
    if (!request_.controls.gauge) return model;
    const fs::path turned = request_.scratch / ("turned-" + std::to_string(index));
    fs::create_directory(turned);
    model.turned_heads = write_turned(folder, turned, request_.seed);
    model.turned = Model::open(turned.string());
    return model;
  }

  void grade_model(std::size_t model) {
    std::optional<OpenModel> opened;
    for (std::size_t index = 0; index < grades_.tasks.size(); ++index) {
      if (grades_.tasks[index].model != model) continue;
      if (!opened) opened = open(model);
      for (Candidate& candidate : candidates_) {
        if (listener_.should_stop())
          throw RunError("grade: stopped before all tools were asked; nothing was written");
        grade_task(candidate, index, *opened);
      }
      listener_.on_task(index + 1, grades_.tasks.size());
    }
  }

  const Truth& truth_of(std::size_t index) const {
    return grades_.models[grades_.tasks[index].model].truth;
  }
  const Task& task_of(std::size_t index) const {
    return truth_of(index).tasks[grades_.tasks[index].task];
  }

  void grade_task(Candidate& candidate, std::size_t index, const OpenModel& model) {
    if (candidate.claims_nothing) return;
    const Task& task = task_of(index);
    const double gap = task.metric ? gap_of(task) : 1.0;
    Question question{host_, *candidate.tool, candidate.settings, request_.bind, model.planted,
                      task,  request_.seed};
    // One prompt shows whether the tool claims anything.
    if (!candidate.has_answered() && ask_first(candidate, question, gap)) return;
    const ToolAnswers answers = ask(question, SIZE_MAX, gap);
    if (note_refusal(candidate, index, answers)) return;
    const NumberOfClaim null =
        request_.controls.null ? null_claims(question, gap) : NumberOfClaim();
    const NumberOfClaim gauge =
        model.turned ? gauge_changes(question, answers, model.turned, model.turned_heads, gap)
                     : NumberOfClaim();
    question.model = model.shuffled;
    const ToolAnswers of_shuffled = model.shuffled ? ask(question, SIZE_MAX, gap) : ToolAnswers();
    for (const auto& [key, claimed] : answers.claims) {
      if (!glob_matches(request_.claims, key.first)) continue;
      const auto other = of_shuffled.claims.find(key);
      Entry* entry =
          add_task(candidate, index, key, claimed,
                   other == of_shuffled.claims.end() ? nullptr : &other->second, answers);
      if (entry == nullptr) continue;
      keep_largest(entry->null_largest, null, key);
      keep_largest(entry->gauge_change, gauge, key);
    }
  }

  /// \return whether the tool is done: it claims nothing
  bool ask_first(Candidate& candidate, const Question& question, double gap) {
    const ToolAnswers first = ask(question, 1, gap);
    candidate.later.insert(first.later.begin(), first.later.end());
    candidate.claims_nothing = first.answered > 0 && first.claims.empty();
    return candidate.claims_nothing;
  }

  bool note_refusal(Candidate& candidate, std::size_t index, const ToolAnswers& answers) {
    candidate.seconds += answers.seconds;
    candidate.prompts += answers.answered;
    if (answers.answered > 0) return false;
    candidate.refused_models.insert(grades_.tasks[index].model);
    candidate.refusal = !answers.refusal.empty()   ? answers.refusal
                        : answers.failures.empty() ? "it gave no result"
                                                   : answers.failures.begin()->second;
    return true;
  }

  /// \return the entry; nullptr if the truth does not say what is claimed
  Entry* add_task(Candidate& candidate, std::size_t index, const std::pair<std::string, bool>& key,
                  const ClaimedTask& claimed, const ClaimedTask* shuffled,
                  const ToolAnswers& answers) {
    const ClaimInfo& claim = find_claim(key.first);
    auto table = truth_table(truth_of(index), task_of(index), claim, claimed.of_stream);
    if (!table) return nullptr;
    GradedTask graded{index, *table, std::nullopt};
    set_claimed(graded.planted, claimed.prompts, spec_);
    if (shuffled != nullptr) {
      ItemTable other = *table;
      set_claimed(other, shuffled->prompts, spec_);
      if (other.items.size() == graded.planted.items.size())
        graded.shuffled = std::move(other.claimed);
    }
    Entry& entry = candidate.entries[key];
    entry.kind = graded.planted.kind;
    entry.has_unit = graded.planted.has_unit;
    note_problems(entry, index, claimed, answers);
    entry.tasks.push_back(std::move(graded));
    return &entry;
  }

  void note_problems(Entry& entry, std::size_t index, const ClaimedTask& claimed,
                     const ToolAnswers& answers) const {
    const std::string where = truth_of(index).name + "/" + task_of(index).name + ": ";
    if (!claimed.contradiction.empty())
      entry.problems.push_back(where + "contradictory: " + claimed.contradiction);
    if (!answers.failures.empty())
      entry.problems.push_back(where + std::to_string(answers.failures.size()) + " of " +
                               std::to_string(task_of(index).prompts.size()) +
                               " prompts were not answered: " + answers.failures.begin()->second);
  }

  /// Entries in the order of the tools; what has no entry is listed with the reason.
  void collect() {
    for (Candidate& candidate : candidates_) {
      for (auto& [key, entry] : candidate.entries) {
        entry.tool = candidate.tool->name;
        entry.settings = candidate.settings_text;
        entry.claim = key.first;
        entry.seconds_per_prompt = candidate.seconds / static_cast<double>(candidate.prompts);
        grades_.entries.push_back(std::move(entry));
      }
      using Why = Unscored::Why;
      const auto list = [&](Why why, std::string reason, std::size_t models) {
        grades_.unscored.push_back(
            {candidate.tool->name, candidate.settings_text, why, std::move(reason), models});
      };
      for (const std::string& claim : candidate.later) list(Why::later, claim, 0);
      if (candidate.claims_nothing && candidate.later.empty()) list(Why::no_claim, "", 0);
      if (!candidate.refused_models.empty())
        list(Why::refused, candidate.refusal, candidate.refused_models.size());
    }
  }

  void estimate_all() {
    std::vector<SampledTask> sampled;
    sampled.reserve(grades_.tasks.size());
    for (const TaskPlace& place : grades_.tasks) {
      const GradedModel& model = grades_.models[place.model];
      const std::string& kind = model.truth.origin.generator;
      sampled.push_back({kind.empty() ? model.truth.name : kind, model.folder.string(),
                         model.truth.tasks[place.task].prompts.size()});
    }
    const auto draws = hierarchical_draws(sampled, request_.counts.bootstrap, request_.seed);
    for (Entry& entry : grades_.entries)
      estimate(entry, draws, request_.counts, request_.controls, request_.seed);
  }

  const GradeRequest& request_;
  const GradeListener& listener_;
  PluginHost host_;
  std::vector<Candidate> candidates_;
  Grades grades_;
  TransformerSpec spec_;  ///< of the model that is open
};

}  // namespace

std::vector<fs::path> planted_folders(const fs::path& folder) {
  if (fs::exists(folder / kTruthFile)) return {folder};
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (fs::exists(entry.path() / kTruthFile)) folders.push_back(entry.path());
  if (folders.empty())
    throw InputError(folder.string() +
                     ": neither it nor a folder in it has the file truth.json; give the folder of "
                     "a planted model (docs/grading.md)");
  std::sort(folders.begin(), folders.end());
  return folders;
}

Grades grade(const GradeRequest& request, const GradeListener& listener) {
  return Grading(request, listener).run();
}

}  // namespace lensbench::grading
