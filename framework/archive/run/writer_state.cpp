#include "archive/run/writer_state.hpp"

#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <utility>

#include "archive/joint/outline_classes.hpp"
#include "archive/run/saved_facts.hpp"
#include "core/dataset/join_cases.hpp"

namespace lensbench {

RunWriter::State::State(std::filesystem::path archive, RunPlan run_plan, const CommitRules& rules)
    : out(std::move(archive)),
      plan(std::move(run_plan)),
      folder(run_folder_of(out)),
      packs(folder, rules.frames_per_pack),
      commit_every(rules.every) {
  take_keys();
}

RunWriter::State::State(std::filesystem::path archive, RunPlan run_plan, const CommitRules& rules,
                        std::string writer)
    : out(std::move(archive)),
      plan(std::move(run_plan)),
      folder(run_folder_of(out), std::move(writer)),
      packs(folder, rules.frames_per_pack),
      commit_every(rules.every) {
  take_keys();
}

void RunWriter::State::take_keys() {
  for (std::string& key : case_keys(plan)) {
    slots.emplace(key, units.size());
    units.emplace_back();
    units.back().key = std::move(key);
  }
}

std::int64_t RunWriter::State::slot(std::int64_t index, std::int64_t pass) const {
  const std::int64_t cases = std::ssize(plan.cases);
  if (index < 0 || index >= cases)
    throw UsageError("run: case " + std::to_string(index) +
                     " does not exist; number of cases: " + std::to_string(cases));
  if (pass < 0 || pass >= plan.passes)
    throw UsageError("run: pass " + std::to_string(pass) +
                     " does not exist; number of passes: " + std::to_string(plan.passes));
  return pass * cases + index;
}

UnitRecord& RunWriter::State::record_of(std::int64_t index, std::int64_t pass) {
  return units[static_cast<std::size_t>(slot(index, pass))];
}

/// The folder belongs to one plan, so any key that no case has will do for states of the run.
const std::string& RunWriter::State::key_of_state(std::int64_t index, std::int64_t pass) {
  static const std::string of_run(64, '0');
  return index < 0 ? of_run : record_of(index, pass).key;
}

std::vector<std::int64_t> RunWriter::State::completed(std::int64_t index) const {
  std::vector<std::int64_t> found;
  for (std::int64_t pass = 0; pass < plan.passes; ++pass) {
    const std::int64_t at = slot(index, pass);
    if (units[static_cast<std::size_t>(at)].status == CaseStatus::complete) found.push_back(at);
  }
  if (found.empty()) throw UsageError("case " + std::to_string(index) + " has not completed");
  return found;
}

bool RunWriter::State::is_waiting(std::int64_t index, std::int64_t passes) const {
  for (std::int64_t pass = 0; pass < passes; ++pass) {
    const auto status = units[static_cast<std::size_t>(slot(index, pass))].status;
    if (status == CaseStatus::planned) return true;
    if (status == CaseStatus::failed) return false;
  }
  return false;
}

bool RunWriter::State::repeats(std::int64_t pass) const {
  if (!folder.is_shared()) return true;
  const auto later = units.begin() + (pass + 1) * std::ssize(plan.cases);
  return repeats_failures && std::none_of(later, units.end(), [](const UnitRecord& record) {
           return record.status != CaseStatus::planned;
         });
}

void RunWriter::State::check_names_of_pass(const std::map<std::string, Dataset>& saved,
                                           std::int64_t pass) const {
  for (const auto& [name, dataset] : saved) {
    const auto known = pass_of.find(name);
    if (known != pass_of.end() && known->second != pass)
      throw UsageError("dataset '" + name + "': saved in pass " + std::to_string(known->second) +
                       " and in pass " + std::to_string(pass) +
                       "; give the datasets of each pass names of their own");
  }
}

void RunWriter::State::check_joinable_with_others(
    const std::map<std::string, Dataset>& saved) const {
  // What is known of the other cases depends on the processes that share the run: the seal checks.
  if (folder.is_shared()) return;
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

void RunWriter::State::write(std::int64_t index, std::int64_t pass, const std::string& error,
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

void RunWriter::State::make_safe_if_due() {
  const auto now = std::chrono::steady_clock::now();
  const auto last_case = now - std::exchange(last_append, now);
  if (packs.end_if_full() || now - last_commit + last_case >= commit_every) make_safe();
}

void RunWriter::State::make_safe() {
  packs.make_safe();
  for (const std::string& key : std::exchange(with_states, {})) folder.remove_states(key);
  last_commit = std::chrono::steady_clock::now();
}

std::shared_ptr<const std::vector<std::string>> RunWriter::State::names_in_common(
    std::vector<std::string> names) {
  auto& known = name_lists[names];
  if (known == nullptr) known = std::make_shared<const std::vector<std::string>>(std::move(names));
  return known;
}

void RunWriter::State::remember(const std::map<std::string, Dataset>& saved, std::int64_t pass) {
  for (const auto& [name, dataset] : saved) {
    pass_of[name] = pass;
    if (outlines.count(name) == 0) outlines[name] = outline_of(dataset);
    collect_token_ids(dataset, token_ids);
  }
}

Packs::UseUnit RunWriter::State::recovering() {
  return [this](const FrameHead& head, const UnitPlace& place, const Unit& unit) {
    const auto found = slots.find(head.key);
    if (found != slots.end()) recover(found->second, place, unit);
  };
}

void RunWriter::State::recover() {
  packs.recover(recovering());
  has_states = true;
}

void RunWriter::State::look(const std::function<bool(std::int64_t index)>& wanted) {
  WantFrame want;
  if (wanted) want = [&](const FrameHead& head) { return wanted(head.index); };
  packs.look(recovering(), want);
  has_states = true;
}

void RunWriter::State::count_ended_processes() {
  for (const std::string& note : folder.notes_of_others()) {
    std::int64_t index = -1;
    std::from_chars(note.data(), note.data() + note.size(), index);
    if (index >= 0 && index < std::ssize(plan.cases)) ++ended_processes[index];
  }
}

/// Every unit is read once more, since the plan and not the files decides which is the first.
void RunWriter::State::refuse_contradictions() {
  OutlineClasses classes;
  for (std::size_t at = 0; at < units.size(); ++at)
    if (units[at].status == CaseStatus::complete)
      for (const std::string& name : *units[at].names)
        classes.note(at, name, read(static_cast<std::int64_t>(at), name));
  const auto contradictions = classes.contradictions();
  for (const auto& [at, error] : contradictions) {
    failed_receipts -= unit_at(static_cast<std::int64_t>(at)).failed_receipts();
    units[at].status = CaseStatus::failed;
    units[at].error = printable_error(error);
    units[at].names = names_in_common({});
  }
  if (!contradictions.empty()) collect_ids_anew();
}

/// The vocabulary has the tokens of the results alone, not those of cases that failed since.
void RunWriter::State::collect_ids_anew() {
  token_ids.clear();
  ids_to_collect.clear();
  for (std::size_t at = 0; at < units.size(); ++at)
    if (units[at].status == CaseStatus::complete) ids_to_collect.push_back(at);
}

void RunWriter::State::recover(std::size_t at, const UnitPlace& place, const Unit& unit) {
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

const Unit& RunWriter::State::unit_at(std::int64_t at) {
  if (last_unit == nullptr || last_slot != at) {
    last_unit.reset();  // before the next one is in memory
    last_unit = packs.read(units[static_cast<std::size_t>(at)].place);
    last_slot = at;
    taken.clear();
  }
  return *last_unit;
}

Dataset RunWriter::State::read(std::int64_t at, const std::string& name) {
  // Large tensors have their memory in common with the unit: a dataset is read from it once.
  if (last_slot == at && taken.contains(name)) last_unit.reset();
  const Unit& unit = unit_at(at);
  taken.insert(name);
  return unit.read(name);
}

}  // namespace lensbench
