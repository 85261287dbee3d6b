#include "grading/run/grade.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "grading/run/ask_task.hpp"
#include "grading/run/candidates.hpp"
#include "grading/run/grade_watch.hpp"
#include "grading/run/planted_folders.hpp"
#include "grading/run/progress.hpp"
#include "grading/run/task_record.hpp"
#include "grading/run/training_file.hpp"
#include "grading/run/truth_tables.hpp"
#include "grading/run/workers.hpp"
#include "grading/scores/paired.hpp"
#include "grading/truth/truth_file.hpp"
#include "model/runtime/parallel.hpp"
#include "model/runtime/threads.hpp"
#include "plugin/plugin_host.hpp"

// The loop over models, tasks and tools. Planted models are small and many, so that one forward
// cannot use several cores: each thread asks about a model of its own. What the tools answered
// about a task becomes a record, and records are taken in the order of the tasks. The scores are
// those of records alone, whether they were made now or read from a file.

namespace lensbench::grading {
namespace {

namespace fs = std::filesystem;

/// NaN is a number that is not there yet.
void keep_largest(double& largest, double value) {
  if (!std::isnan(value)) largest = std::fmax(largest, value);
}

/// Whether a truth says anything about a task that this version scores.
bool is_graded(const Task& task) {
  return ((task.effects || task.edges) && task.metric) || task.readout || task.distribution ||
         !task.attention.empty() || !task.variable.empty();
}

/// The items of a table that a record has, in its order.
void keep_items(ItemTable& table, const std::vector<std::string>& items) {
  if (table.items == items) return;
  for (std::size_t i = table.items.size(); i-- > 0;) {
    if (std::find(items.begin(), items.end(), table.items[i]) != items.end()) continue;
    table.items.erase(table.items.begin() + static_cast<std::ptrdiff_t>(i));
    table.truth.erase(table.truth.begin() + static_cast<std::ptrdiff_t>(i));
    if (i < table.membership.size())
      table.membership.erase(table.membership.begin() + static_cast<std::ptrdiff_t>(i));
    if (i < table.sums.size())
      table.sums.erase(table.sums.begin() + static_cast<std::ptrdiff_t>(i));
  }
  // An archive that was made before circuits were run has no rows of them.
  if (table.kind == TableKind::edges &&
      (items.empty() || items.back().find("circuit ") == std::string::npos))
    table.corrupted.clear();
}

/// Keeps nothing: every task is asked.
class NoStore final : public RecordStore {
 public:
  std::optional<TaskRecord> find(std::size_t) override { return std::nullopt; }
  void keep(std::size_t, const TaskRecord&) override {}
  void note(const std::string&) override {}
  std::string advice() const override {
    return "; nothing of the grading is kept without --out; correct the tool, or leave it out";
  }
};

}  // namespace

class Grading::State {
 public:
  State(const GradeRequest& request, const GradeListener& listener)
      : request_(request), listener_(listener), host_(plugin_policy(request.plugins)) {
    find_plugins(host_, request_.plugins, listener_.warn);
    candidates_ = grading::candidates_of(host_, request_);
    progress_.resize(candidates_.size());
    read_models();
  }

  const PluginHost& host() const { return host_; }
  const GradeListener& listener() const { return listener_; }
  const std::vector<Candidate>& candidates() const { return candidates_; }
  const Grades& grades() const { return grades_; }

  Grades run(RecordStore& store) {
    set_threads(static_cast<int>(request_.threads > 0 ? request_.threads : default_threads()));
    {
      GradeWatch watch(store);
      for_each_on_threads(
          worker_count(request_), std::ssize(grades_.models),
          [&](std::int64_t model) { grade_model(static_cast<std::size_t>(model), store, watch); });
    }
    collect();
    estimate_all();
    return std::move(grades_);
  }

 private:
  /// A task that was asked, or whose record was stored, until the tasks before it are taken.
  struct AskedTask {
    TaskRecord record;
    bool is_stored = false;
    std::vector<bool> was_new = {};  ///< whether each tool was asked as one that never answered
    std::shared_ptr<const OpenModel> model = {};  ///< kept if a tool was new
  };
  /// What is known of a candidate from the tasks that were taken.
  enum class Known { nothing, answers, claims_nothing };

  void read_models() {
    std::map<std::string, int> names;
    for (const fs::path& given : request_.models)
      for (const fs::path& folder : planted_folders(given)) {
        std::string label = fs::weakly_canonical(folder).filename().string();
        if (const int n = ++names[label]; n > 1) label += " (" + std::to_string(n) + ")";
        grades_.models.push_back({folder, read_truth(folder), std::move(label)});
      }
    for (std::size_t model = 0; model < grades_.models.size(); ++model) {
      const Truth& truth = grades_.models[model].truth;
      const auto& tasks = truth.tasks;
      for (std::size_t task = 0; task < tasks.size(); ++task)
        if (is_graded(tasks[task]) || truth.features) grades_.tasks.push_back({model, task});
    }
    if (grades_.tasks.empty())
      throw InputError(
          request_.models.front().string() +
          ": no task has effects, a readout, distributions, attention, a variable or features in "
          "its truth, so that nothing can be scored; give another folder with --models");
  }

  void grade_model(std::size_t model, RecordStore& store, GradeWatch& watch) {
    std::shared_ptr<const OpenModel> opened;
    for (std::size_t index = 0; index < grades_.tasks.size(); ++index) {
      if (grades_.tasks[index].model != model) continue;
      if (auto stored = stored_record(index, store)) {
        deliver(index, {*std::move(stored), true}, store, watch);
        continue;
      }
      if (!opened)
        opened = std::make_shared<const OpenModel>(
            open_model(request_, grades_.models[model],
                       request_.scratch / ("turned-" + std::to_string(model))));
      deliver(index, ask_all(index, opened, watch), store, watch);
    }
  }

  std::optional<TaskRecord> stored_record(std::size_t index, RecordStore& store) {
    const std::lock_guard lock(mutex_);
    return store.find(index);
  }

  AskedTask ask_all(std::size_t index, const std::shared_ptr<const OpenModel>& model,
                    GradeWatch& watch) {
    AskedTask asked;
    asked.record.reserve(candidates_.size());
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const Known known = noted_and_known(index, i, watch);
      asked.record.push_back(known == Known::claims_nothing
                                 ? without_claims(i)
                                 : ask_one(index, i, *model, known == Known::nothing));
      asked.was_new.push_back(known == Known::nothing);
      if (known == Known::nothing) asked.model = model;
    }
    return asked;
  }

  ToolRecord ask_one(std::size_t index, std::size_t candidate, const OpenModel& model,
                     bool is_new) const {
    return ask_tool(host_, request_, candidates_[candidate], model, model_of(index), task_of(index),
                    is_new);
  }

  Known noted_and_known(std::size_t index, std::size_t candidate, GradeWatch& watch) {
    const std::lock_guard lock(mutex_);
    if (listener_.should_stop()) throw RunError("grade: stopped before all tools were asked");
    if (progress_[candidate].claims_nothing) return Known::claims_nothing;
    watch.note(task_and_tool(index, candidate));
    return progress_[candidate].has_answered() ? Known::answers : Known::nothing;
  }

  std::string task_and_tool(std::size_t index, std::size_t candidate) const {
    return "task '" + model_of(index).label + "/" + task_of(index).name + "', tool '" +
           candidates_[candidate].tool->name + "'";
  }

  ToolRecord without_claims(std::size_t candidate) const {
    ToolRecord record{candidates_[candidate].tool->name, candidates_[candidate].settings_text};
    record.claims_nothing = true;
    return record;
  }

  /// Takes a task as soon as all tasks before it are taken.
  void deliver(std::size_t index, AskedTask asked, RecordStore& store, GradeWatch& watch) {
    const std::lock_guard lock(mutex_);
    if (!asked.is_stored) watch.note("");
    waiting_.emplace(index, std::move(asked));
    for (auto next = waiting_.find(taken_); next != waiting_.end(); next = waiting_.find(taken_)) {
      if (!next->second.is_stored) {
        settle(taken_, next->second, watch);
        store.keep(taken_, next->second.record);
      }
      take(taken_, next->second.record);
      waiting_.erase(next);
      listener_.on_task(++taken_, grades_.tasks.size());
    }
  }

  /// Makes a record what it is when the task is asked after all tasks before it: meanwhile those
  /// may have told more of a tool than was known when it was asked.
  void settle(std::size_t index, AskedTask& asked, GradeWatch& watch) const {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      ToolRecord& record = asked.record[i];
      if (progress_[i].claims_nothing) {
        record = without_claims(i);
      } else if (asked.was_new[i] && progress_[i].has_answered()) {
        if (record.claims_nothing) {
          watch.note(task_and_tool(index, i));
          record = ask_one(index, i, *asked.model, false);
          watch.note("");
        }
        record.later.clear();
      }
    }
  }

  const GradedModel& model_of(std::size_t index) const {
    return grades_.models[grades_.tasks[index].model];
  }
  const Task& task_of(std::size_t index) const {
    return model_of(index).truth.tasks[grades_.tasks[index].task];
  }

  void take(std::size_t index, const TaskRecord& record) {
    if (record.size() != candidates_.size())
      throw InputError("grade: the record of task " + std::to_string(index + 1) + " has " +
                       std::to_string(record.size()) + " tools, expected " +
                       std::to_string(candidates_.size()));
    for (std::size_t i = 0; i < record.size(); ++i) take(index, record[i], i);
  }

  void take(std::size_t index, const ToolRecord& record, std::size_t candidate) {
    note_record(progress_[candidate], record, grades_.tasks[index].model);
    if (progress_[candidate].claims_nothing) return;
    for (const ClaimRecord& claim : record.claims) take_claim(index, record, claim, candidate);
  }

  void take_claim(std::size_t index, const ToolRecord& record, const ClaimRecord& claim,
                  std::size_t candidate) {
    auto table = truth_table(model_of(index).truth, task_of(index), find_claim(claim.claim),
                             claim.of_stream);
    if (!table) return;
    keep_items(*table, claim.items);
    table->claimed = claim.claimed;
    table->candidates = claim.candidates;
    Entry& entry = progress_[candidate].entries[{claim.claim, claim.of_stream}];
    entry.kind = table->kind;
    entry.has_unit = table->has_unit;
    note_problems(entry, index, record, claim);
    note_folds(entry, index, candidate);
    entry.tasks.push_back({index, *std::move(table), claim.shuffled, claim.permuted});
    keep_largest(entry.null_largest, claim.null_largest);
    keep_largest(entry.gauge_change, claim.gauge_change);
  }

  void note_problems(Entry& entry, std::size_t index, const ToolRecord& record,
                     const ClaimRecord& claim) const {
    const std::string where = model_of(index).truth.name + "/" + task_of(index).name + ": ";
    if (!claim.contradiction.empty())
      entry.problems.push_back(where + "contradictory: " + claim.contradiction);
    if (record.failed > 0)
      entry.problems.push_back(where + std::to_string(record.failed) + " of " +
                               std::to_string(task_of(index).prompts.size()) +
                               " prompts were not answered: " + record.failure);
  }

  /// A tool that was trained on prompts of the graded ones says so.
  void note_folds(Entry& entry, std::size_t index, std::size_t candidate) const {
    const std::size_t folds = fold_count(model_of(index).truth, task_of(index));
    const Candidate& asked = candidates_[candidate];
    if (folds == 0 || !learns_from_text(asked.tool->parameters, asked.settings)) return;
    entry.problems.push_back(model_of(index).truth.name + "/" + task_of(index).name +
                             ": has no training prompts, so that the tool was trained on the "
                             "graded ones in " +
                             std::to_string(folds) + " folds");
  }

  /// Entries in the order of the tools; what has no entry is listed with the reason.
  void collect() {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const Candidate& candidate = candidates_[i];
      Progress& progress = progress_[i];
      for (auto& [key, entry] : progress.entries) {
        entry.tool = candidate.tool->name;
        entry.settings = candidate.settings_text;
        entry.parameters = candidate.tool->parameters;
        entry.given = candidate.settings;
        entry.claim = key.first;
        entry.seconds_per_prompt = progress.seconds_per_prompt();
        grades_.entries.push_back(std::move(entry));
      }
      for (Unscored& row : unscored_rows(progress, candidate))
        grades_.unscored.push_back(std::move(row));
    }
  }

  void estimate_all() {
    std::vector<SampledTask> sampled;
    sampled.reserve(grades_.tasks.size());
    // Models are told apart by number: where their folders are must not decide the draws.
    constexpr std::size_t kFirst = 1000000;
    for (const TaskPlace& place : grades_.tasks) {
      const GradedModel& model = grades_.models[place.model];
      const std::string& kind = model.truth.origin.generator;
      sampled.push_back({kind.empty() ? model.truth.name : kind,
                         std::to_string(kFirst + place.model),
                         model.truth.tasks[place.task].prompts.size()});
    }
    const auto draws = hierarchical_draws(sampled, request_.counts.bootstrap, request_.seed);
    const auto estimate_one = [&](std::int64_t entry) {
      estimate(grades_.entries[static_cast<std::size_t>(entry)], draws, request_.counts,
               request_.controls, request_.seed);
    };
    for_each_on_threads(worker_count(request_), std::ssize(grades_.entries), estimate_one);
    compare_with_best(grades_.entries);
  }

  const GradeRequest& request_;
  const GradeListener& listener_;
  PluginHost host_;
  std::vector<Candidate> candidates_;
  Grades grades_;
  std::mutex mutex_;                          ///< guards what follows, the store and the listener
  std::vector<Progress> progress_;            ///< one a candidate
  std::map<std::size_t, AskedTask> waiting_;  ///< for tasks before them
  std::size_t taken_ = 0;                     ///< tasks
};

Grading::Grading(const GradeRequest& request, const GradeListener& listener)
    : state_(std::make_unique<State>(request, listener)) {}
Grading::~Grading() = default;

const PluginHost& Grading::host() const {
  return state_->host();
}

const GradeListener& Grading::listener() const {
  return state_->listener();
}

std::vector<const PluginInfo*> Grading::tools() const {
  std::vector<const PluginInfo*> tools;
  for (const Candidate& candidate : state_->candidates())
    if (tools.empty() || tools.back() != candidate.tool) tools.push_back(candidate.tool);
  return tools;
}

const std::vector<GradedModel>& Grading::models() const {
  return state_->grades().models;
}

const std::vector<TaskPlace>& Grading::tasks() const {
  return state_->grades().tasks;
}

Grades Grading::run(RecordStore& store) {
  return state_->run(store);
}

Grades grade(const GradeRequest& request, const GradeListener& listener) {
  NoStore store;
  return Grading(request, listener).run(store);
}

}  // namespace lensbench::grading
