#include "archive/run/run_writer.hpp"

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <set>
#include <utility>

#include "archive/run/packs.hpp"
#include "archive/run/plan_files.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/run/saved_facts.hpp"
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

}  // namespace

struct RunWriter::State {
  State(std::filesystem::path archive, RunPlan run_plan, const CommitRules& rules)
      : out(std::move(archive)),
        plan(std::move(run_plan)),
        folder(run_folder_of(out)),
        packs(folder, rules.frames_per_pack),
        commit_every(rules.every) {
    for (std::string& key : case_keys(plan)) {
      units.emplace_back();
      units.back().key = std::move(key);
    }
  }

  /// Index of the record of a case and pass.
  std::int64_t slot(std::int64_t index, std::int64_t pass) const {
    const std::int64_t cases = std::ssize(plan.cases);
    if (index < 0 || index >= cases)
      throw UsageError("run: case " + std::to_string(index) +
                       " does not exist; number of cases: " + std::to_string(cases));
    if (pass < 0 || pass >= plan.passes)
      throw UsageError("run: pass " + std::to_string(pass) +
                       " does not exist; number of passes: " + std::to_string(plan.passes));
    return pass * cases + index;
  }

  UnitRecord& record_of(std::int64_t index, std::int64_t pass) {
    return units[static_cast<std::size_t>(slot(index, pass))];
  }

  /// Records of the passes that a case has completed, with their slots.
  std::vector<std::int64_t> completed(std::int64_t index) const {
    std::vector<std::int64_t> slots;
    for (std::int64_t pass = 0; pass < plan.passes; ++pass) {
      const std::int64_t at = slot(index, pass);
      if (units[static_cast<std::size_t>(at)].status == CaseStatus::complete) slots.push_back(at);
    }
    if (slots.empty()) throw UsageError("case " + std::to_string(index) + " has not completed");
    return slots;
  }

  /// Whether a pass of a case has still to run: after a failure, later passes do not.
  bool is_waiting(std::int64_t index) const {
    for (std::int64_t pass = 0; pass < plan.passes; ++pass) {
      const auto status = units[static_cast<std::size_t>(slot(index, pass))].status;
      if (status == CaseStatus::planned) return true;
      if (status == CaseStatus::failed) return false;
    }
    return false;
  }

  void check_names_of_pass(const std::map<std::string, Dataset>& saved, std::int64_t pass) const {
    for (const auto& [name, dataset] : saved) {
      const auto known = pass_of.find(name);
      if (known != pass_of.end() && known->second != pass)
        throw UsageError("dataset '" + name + "': saved in pass " + std::to_string(known->second) +
                         " and in pass " + std::to_string(pass) +
                         "; give the datasets of each pass names of their own");
    }
  }

  void check_joinable_with_others(const std::map<std::string, Dataset>& saved) const {
    for (const auto& [name, dataset] : saved) {
      const auto known = outlines.find(name);
      if (known == outlines.end()) continue;
      try {
        check_joinable(known->second, dataset);
      } catch (const UsageError& error) {
        throw UsageError("dataset '" + name + "': " + error.what());
      }
    }
  }

  void write(std::int64_t index, std::int64_t pass, const std::string& error,
             const std::map<std::string, Dataset>& saved, const CaseCosts& costs) {
    UnitRecord& record = record_of(index, pass);
    const UnitImage image(error, saved, costs);
    record.place = packs.append({0, index, pass, record.key, {}}, image);
    if (has_states) with_states.push_back(record.key);
    if (last_slot == slot(index, pass)) last_unit.reset();
    record.status = error.empty() ? CaseStatus::complete : CaseStatus::failed;
    record.error = error;
    record.names = names_in_common(names_of(saved));
    failed_receipts += failed_receipts_of(saved);
    make_safe_if_due();
  }

  /// Makes the units safe if waiting for another case would take longer than the time between two
  /// commits: a case that takes as long as the last one must not let them wait too long.
  void make_safe_if_due() {
    const auto now = std::chrono::steady_clock::now();
    const auto last_case = now - std::exchange(last_append, now);
    if (packs.end_if_full() || now - last_commit + last_case >= commit_every) make_safe();
  }

  /// States are removed only when the units of their cases are safe.
  void make_safe() {
    packs.make_safe();
    for (const std::string& key : std::exchange(with_states, {})) folder.remove_states(key);
    last_commit = std::chrono::steady_clock::now();
  }

  /// Lists of names are shared: most cases save datasets of the same names.
  std::shared_ptr<const std::vector<std::string>> names_in_common(std::vector<std::string> names) {
    auto& known = name_lists[names];
    if (known == nullptr)
      known = std::make_shared<const std::vector<std::string>>(std::move(names));
    return known;
  }

  /// Keeps what is needed of a saved case after its datasets are freed.
  void remember(const std::map<std::string, Dataset>& saved, std::int64_t pass) {
    for (const auto& [name, dataset] : saved) {
      pass_of[name] = pass;
      if (outlines.count(name) == 0) outlines[name] = outline_of(dataset);
      collect_token_ids(dataset, token_ids);
    }
  }

  /// Takes over the units of earlier processes.
  void recover() {
    std::map<std::string, std::size_t> slots;
    for (std::size_t i = 0; i < units.size(); ++i) slots.emplace(units[i].key, i);
    packs.recover([&](const FrameHead& head, const UnitPlace& place, const Unit& unit) {
      const auto found = slots.find(head.key);
      if (found != slots.end()) recover(found->second, place, unit);
    });
    has_states = true;
  }

  /// The first of two complete units of a case counts, so that it never changes; a complete one
  /// counts more than failures, of which the last counts.
  void recover(std::size_t at, const UnitPlace& place, const Unit& unit) {
    UnitRecord& record = units[at];
    if (record.status == CaseStatus::complete) return;
    record.place = place;
    record.error = unit.error();
    record.names = names_in_common(unit.names());
    record.status = unit.failed() ? CaseStatus::failed : CaseStatus::complete;
    if (unit.failed()) return;
    failed_receipts += unit.failed_receipts();
    for (const std::string& name : *record.names) {
      pass_of[name] = static_cast<std::int64_t>(at / plan.cases.size());
      if (!outlines.contains(name)) outlines[name] = outline_of(unit.read(name));
    }
    ids_to_collect.push_back(at);
  }

  /// Unit of a case; that which was read last is kept.
  const Unit& unit_at(std::int64_t at) {
    if (last_unit == nullptr || last_slot != at) {
      last_unit.reset();  // before the next one is in memory
      last_unit = packs.read(units[static_cast<std::size_t>(at)].place);
      last_slot = at;
      taken.clear();
    }
    return *last_unit;
  }

  Dataset read(std::int64_t at, const std::string& name) {
    // Large tensors have their memory in common with the unit: a dataset is read from it once.
    if (last_slot == at && taken.contains(name)) last_unit.reset();
    const Unit& unit = unit_at(at);
    taken.insert(name);
    return unit.read(name);
  }

  std::filesystem::path out;
  RunPlan plan;
  RunFolder folder;
  Packs packs;
  std::vector<UnitRecord> units;
  std::map<std::vector<std::string>, std::shared_ptr<const std::vector<std::string>>> name_lists;
  std::map<std::string, Dataset> outlines;
  std::map<std::string, std::int64_t> pass_of;  ///< pass that saves a dataset of that name
  std::set<std::int64_t> token_ids;
  std::vector<std::size_t> ids_to_collect;  ///< recovered units whose token ids are not known yet
  std::int64_t failed_receipts = 0;
  bool has_states = false;               ///< states may exist
  std::vector<std::string> with_states;  ///< keys of units that are not safe

  std::chrono::duration<double> commit_every;
  std::chrono::steady_clock::time_point last_commit = std::chrono::steady_clock::now(),
                                        last_append = last_commit;

  std::shared_ptr<const Unit> last_unit;
  std::int64_t last_slot = -1;
  std::set<std::string> taken;  ///< datasets that were read from `last_unit`
};

RunWriter::RunWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunWriter::~RunWriter() = default;
RunWriter::RunWriter(RunWriter&&) noexcept = default;

RunWriter RunWriter::start(const std::filesystem::path& out, const RunPlan& plan, bool resume,
                           const CommitRules& rules) {
  refuse_existing(out);
  auto state = std::make_unique<State>(out, plan, rules);
  // Again under the lock: another process may have sealed the run in the meantime.
  refuse_existing(out);
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
  if (const auto difference = difference_from_plan(folder.plan(), plan); !difference.empty())
    throw UsageError(folder.path().string() + ": the interrupted run has another request: " +
                     difference + "; resume with the same request or choose another file");
  state->recover();
  return RunWriter(std::move(state));
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
    if (state_->is_waiting(i))
      throw UsageError(state_->folder.path().string() + ": case " + std::to_string(i) +
                       " has not run yet; resume the run before sealing it");
}

void RunWriter::keep_command(const nlohmann::json& command) {
  const RunFolder& folder = state_->folder;
  if (!std::filesystem::exists(folder.command()))
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

std::int64_t RunWriter::failed_receipts() const {
  return state_->failed_receipts;
}

void RunWriter::commit_state(std::int64_t index, std::int64_t pass, const std::string& name,
                             const Dataset& state) {
  const UnitRecord& record = state_->record_of(index, pass);
  state_->folder.make_states();
  state_->has_states = true;
  const std::map<std::string, Dataset> saved{{"state", state}};
  const UnitImage image("", saved, {});
  FrameHead head{image.size(), index, pass, record.key, checksum_of(image.parts())};
  const auto head_bytes = to_bytes(head);
  std::vector<std::span<const std::byte>> parts{head_bytes};
  const auto unit = image.parts();
  parts.insert(parts.end(), unit.begin(), unit.end());
  constexpr std::array<std::byte, 8> kPadding{};
  parts.push_back(std::span(kPadding).first(frame_padding(image.size())));
  write_parts_atomically(state_->folder.state_file(record.key, name), parts,
                         state_->folder.temporary());
}

std::optional<Dataset> RunWriter::state(std::int64_t index, std::int64_t pass,
                                        const std::string& name) const {
  const UnitRecord& record = state_->record_of(index, pass);
  const auto file = state_->folder.state_file(record.key, name);
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    return read_single_unit(file, record.key)->read("state");
  } catch (const InputError&) {
    // A damaged state is as good as none: the work begins anew.
  }
  return std::nullopt;
}

void RunWriter::note(const std::string& text) {
  state_->folder.note(text);
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
  if (!done().empty())
    throw UsageError(state_->folder.path().string() +
                     ": contains completed cases and is not discarded; seal it");
  state_->folder.remove();
}

SealResult RunWriter::seal(const std::map<std::string, Dataset>& summaries,
                           const std::map<std::int64_t, std::string>& vocabulary,
                           const std::map<std::int64_t, std::string>& vocabulary_bytes,
                           const nlohmann::json& environment, const nlohmann::json& run) {
  require_all_run();
  state_->packs.finish_writing();
  const SealInput input{
      state_->plan,
      state_->units,
      [&](std::size_t at, const std::string& name) {
        return state_->read(static_cast<std::int64_t>(at), name);
      },
      [&](std::size_t at) { return state_->unit_at(static_cast<std::int64_t>(at)).costs(); },
      summaries,
      vocabulary,
      vocabulary_bytes,
      environment,
      run};
  const SealResult result = write_archive(state_->out, state_->folder, input);
  state_->folder.remove();
  return result;
}

}  // namespace lensbench
