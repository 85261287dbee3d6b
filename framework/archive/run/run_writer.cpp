#include "archive/run/run_writer.hpp"

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <utility>

#include "archive/joint/shared_run.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/plan_files.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/run/saved_facts.hpp"
#include "archive/run/writer_state.hpp"
#include "archive/seal/seal.hpp"
#include "core/files/atomic_file.hpp"
#include "core/text/json.hpp"

namespace lensbench {
namespace {

void refuse_existing(const std::filesystem::path& out) {
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(out, ignored)))
    throw UsageError(out.string() +
                     ": exists already and is not overwritten; choose another file or move it "
                     "away");
}

/// A process that has a run alone changes the files of ended processes, which may be at work here.
void refuse_shared(const std::filesystem::path& out) {
  if (is_shared_run(run_folder_of(out)))
    throw UsageError(run_folder_of(out).string() +
                     ": several processes share this run, and this one would have it alone; run it "
                     "with lensbench run and --resume");
}

/// A run that one process began becomes one of several processes only if the user says that no
/// process works on it.
void require_shared(const RunFolder& folder, bool resume) {
  if (is_shared_run(folder.path())) return;
  if (!resume)
    throw UsageError(folder.path().string() +
                     ": contains a run that one process began alone; if it was interrupted, go on "
                     "with it by --resume");
  // A hint of machines that tell: joint work itself does without locks.
  if (folder.has_owner())
    throw UsageError(folder.path().string() +
                     ": the process that began this run alone still works on it; resume the run "
                     "when it has ended");
  share_run(folder);
}

void require_same_plan(const RunFolder& folder, const RunPlan& plan) {
  if (const auto difference = difference_from_plan(folder.plan(), plan); !difference.empty())
    throw UsageError(folder.path().string() + ": the interrupted run has another request: " +
                     difference + "; resume with the same request or choose another file");
}

}  // namespace

RunWriter::RunWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunWriter::~RunWriter() = default;
RunWriter::RunWriter(RunWriter&&) noexcept = default;

RunWriter RunWriter::start(const std::filesystem::path& out, const RunPlan& plan, bool resume,
                           const CommitRules& rules) {
  refuse_existing(out);
  refuse_shared(out);
  auto state = std::make_unique<State>(out, plan, rules);
  // Again under the lock: another process may have sealed the run in the meantime, or shared it.
  refuse_existing(out);
  refuse_shared(out);
  const RunFolder& folder = state->folder;
  if (!has_plan(folder.plan())) {
    folder.remove_units();
    write_plan(folder.plan(), plan);
    return RunWriter(std::move(state));
  }
  if (!resume)
    throw UsageError(folder.path().string() + ": contains an interrupted run with " +
                     std::to_string(count_units(folder.path())) + " of " +
                     std::to_string(plan.cases.size()) + " cases; resume it, or remove the folder");
  require_same_plan(folder, plan);
  state->recover();
  return RunWriter(std::move(state));
}

RunWriter RunWriter::join(const std::filesystem::path& out, const RunPlan& plan,
                          const JointRules& rules) {
  refuse_existing(out);
  auto state = std::make_unique<State>(out, plan, rules.commits, new_writer_name(rules.part));
  const RunFolder& folder = state->folder;
  plan_shared_run(folder, plan, rules.patience);
  // Another process may have sealed the run in the meantime, and then its plan was gone.
  refuse_existing(out);
  require_shared(folder, rules.resume);
  require_same_plan(folder, plan);
  const bool decides = rules.keeps_environment || !environment_of_run(folder.path()).is_null();
  if (decides && !rules.environment.is_null()) require_same_environment(folder, rules.environment);
  state->repeats_failures = rules.resume;
  if (rules.resume) state->count_ended_processes();
  return RunWriter(std::move(state));
}

RunWriter RunWriter::join_to_finish(const std::filesystem::path& out, const RunPlan& plan,
                                    const JointRules& rules) {
  return join(out, with_plugins_of(plan, planned_request(run_folder_of(out) / "plan")), rules);
}

void RunWriter::look(const std::function<bool(std::int64_t index)>& wanted) {
  state_->look(wanted);
}

void RunWriter::settle() {
  state_->look({});
  state_->refuse_contradictions();
}

std::vector<std::int64_t> RunWriter::given_up(std::int64_t pass) const {
  std::vector<std::int64_t> indices;
  const bool repeats = state_->repeats(pass);
  for (std::int64_t i = 0; i < std::ssize(state_->plan.cases); ++i)
    if (state_->record_of(i, pass).status == CaseStatus::failed &&
        (!repeats || state_->given_up.contains(state_->slot(i, pass))))
      indices.push_back(i);
  return indices;
}

bool RunWriter::waits(std::int64_t index, std::int64_t pass) const {
  const auto status = [&](std::int64_t one) { return state_->record_of(index, one).status; };
  for (std::int64_t earlier = 0; earlier < pass; ++earlier)
    if (status(earlier) != CaseStatus::complete) return false;
  if (status(pass) != CaseStatus::failed) return status(pass) == CaseStatus::planned;
  return state_->repeats(pass) && !state_->given_up.contains(state_->slot(index, pass));
}

std::vector<CaseOutcome> RunWriter::missing(std::int64_t passes) const {
  std::vector<CaseOutcome> found;
  for (std::int64_t i = 0; i < std::ssize(state_->plan.cases); ++i)
    if (state_->is_waiting(i, passes > 0 ? passes : state_->plan.passes)) found.push_back({i, ""});
  return found;
}

std::vector<CaseOutcome> RunWriter::failures() const {
  std::vector<CaseOutcome> found;
  for (std::int64_t i = 0; i < std::ssize(state_->plan.cases); ++i)
    for (std::int64_t pass = 0; pass < state_->plan.passes; ++pass)
      if (const UnitRecord& record = state_->record_of(i, pass);
          record.status == CaseStatus::failed) {
        found.push_back({i, record.error});
        break;
      }
  return found;
}

RunWriter RunWriter::take_over(const std::filesystem::path& out, const RunPlan& plan) {
  refuse_earlier_layout(run_folder_of(out));
  const auto stored = run_folder_of(out) / "plan";
  if (!has_plan(stored))
    throw UsageError(run_folder_of(out).string() +
                     ": not the folder of an interrupted run, so there is nothing to finish");
  return start(out, with_plugins_of(plan, planned_request(stored)), true);
}

void RunWriter::require_all_run() const {
  for (std::int64_t i = 0; i < std::ssize(state_->plan.cases); ++i)
    if (state_->is_waiting(i, state_->plan.passes))
      throw UsageError(state_->folder.path().string() + ": case " + std::to_string(i) +
                       " has not run yet; resume the run before sealing it");
}

void RunWriter::keep_command(const nlohmann::json& command) {
  const RunFolder& folder = state_->folder;
  if (folder.is_shared())
    keep_first(folder, folder.command(), command);
  else if (!std::filesystem::exists(folder.command()))
    write_file_atomically(folder.command(), canonical_json(command), folder.temporary());
}

std::vector<std::int64_t> RunWriter::done(std::int64_t pass) const {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < std::ssize(state_->plan.cases); ++i)
    if (state_->record_of(i, pass).status == CaseStatus::complete) indices.push_back(i);
  return indices;
}

void RunWriter::commit(std::int64_t index, const std::map<std::string, Dataset>& saved,
                       const CaseCosts& costs, std::int64_t pass) {
  state_->check_names_of_pass(saved, pass);
  state_->check_joinable_with_others(saved);
  state_->write(index, pass, "", saved, costs);
  state_->remember(saved, pass);
}

void RunWriter::commit_failure(std::int64_t index, const std::string& error, const CaseCosts& costs,
                               std::int64_t pass) {
  state_->write(index, pass, error.empty() ? "failed without a message" : printable_error(error),
                {}, costs);
}

void RunWriter::give_up(std::int64_t index, const std::string& error, std::int64_t pass) {
  commit_failure(index, error, {}, pass);
  state_->given_up.insert(state_->slot(index, pass));
}

Dataset RunWriter::read(std::int64_t index, const std::string& name) const {
  for (const std::int64_t slot : state_->completed(index)) {
    const auto& names = *state_->units[static_cast<std::size_t>(slot)].names;
    if (std::find(names.begin(), names.end(), name) != names.end()) return state_->read(slot, name);
  }
  throw UsageError("case " + std::to_string(index) + " did not save a dataset '" + name + "'");
}

std::vector<std::string> RunWriter::names(std::int64_t index) const {
  std::vector<std::string> names;
  for (const std::int64_t slot : state_->completed(index)) {
    const auto& own = *state_->units[static_cast<std::size_t>(slot)].names;
    names.insert(names.end(), own.begin(), own.end());
  }
  return names;
}

bool RunWriter::is_safe() const {
  return state_->packs.is_safe();
}

void RunWriter::make_safe() {
  state_->make_safe();
}

void RunWriter::finish_writing() {
  state_->make_safe();
  state_->packs.finish_writing();
}

std::int64_t RunWriter::failed_receipts() const {
  return state_->failed_receipts;
}

void RunWriter::commit_state(std::int64_t index, std::int64_t pass, const std::string& name,
                             const Dataset& state) {
  const std::string& key = state_->key_of_state(index, pass);
  state_->folder.make_states();
  state_->has_states = true;
  const std::map<std::string, Dataset> saved{{"state", state}};
  const UnitImage image("", saved, {});
  FrameHead head{image.size(), index, pass, key, checksum_of(image.parts())};
  const auto head_bytes = to_bytes(head);
  std::vector<std::span<const std::byte>> parts{head_bytes};
  const auto unit = image.parts();
  parts.insert(parts.end(), unit.begin(), unit.end());
  constexpr std::array<std::byte, 8> kPadding{};
  parts.push_back(std::span(kPadding).first(frame_padding(image.size())));
  write_parts_atomically(state_->folder.state_file(key, name), parts, state_->folder.temporary());
}

std::optional<Dataset> RunWriter::state(std::int64_t index, std::int64_t pass,
                                        const std::string& name) const {
  const std::string& key = state_->key_of_state(index, pass);
  for (const auto& file : state_->folder.state_files(key, name)) {
    try {
      return read_single_unit(file, key)->read("state");
    } catch (const InputError&) {
      // A damaged state is as good as none: the work begins anew.
    }
  }
  return std::nullopt;
}

/// The number of the case comes first, so that a process that shares the run finds it.
void RunWriter::note(const std::string& text, std::int64_t index) {
  const RunFolder& folder = state_->folder;
  const bool with_number = folder.is_shared() && index >= 0;
  folder.note(with_number ? std::to_string(index) + " " + text : text);
}

const std::map<std::int64_t, int>& RunWriter::ended_processes() const {
  return state_->ended_processes;
}

const std::string& RunWriter::crashed_in() const {
  return state_->folder.last_note();
}

std::vector<std::int64_t> RunWriter::token_ids() const {
  for (const std::size_t at : state_->ids_to_collect)
    for (const std::string& name : *state_->units[at].names)
      collect_token_ids(state_->read(static_cast<std::int64_t>(at), name), state_->token_ids);
  state_->ids_to_collect.clear();
  return {state_->token_ids.begin(), state_->token_ids.end()};
}

void RunWriter::discard() {
  state_->packs.close_files();
  if (!done(state_->plan.passes - 1).empty())
    throw UsageError(state_->folder.path().string() +
                     ": contains completed cases and is not discarded; seal it");
  state_->folder.remove();
}

SealResult RunWriter::seal(const std::map<std::string, Dataset>& summaries,
                           const std::map<std::int64_t, std::string>& vocabulary,
                           const std::map<std::int64_t, std::string>& vocabulary_bytes,
                           const nlohmann::json& environment, const nlohmann::json& run,
                           bool costs) {
  require_all_run();
  state_->packs.finish_writing();
  std::function<CaseCosts(std::size_t)> costs_of;
  if (costs)
    costs_of = [&](std::size_t at) {
      return state_->unit_at(static_cast<std::int64_t>(at)).costs();
    };
  const SealInput input{state_->plan,
                        state_->units,
                        [&](std::size_t at, const std::string& name) {
                          return state_->read(static_cast<std::int64_t>(at), name);
                        },
                        costs_of,
                        summaries,
                        vocabulary,
                        vocabulary_bytes,
                        environment,
                        run};
  const SealResult result = write_archive(state_->out, state_->folder, input);
  state_->packs.close_files();
  state_->folder.remove();
  return result;
}

}  // namespace lensbench
