#include "archive/run/run_writer.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <set>

#include "archive/run/case_file.hpp"
#include "archive/run/case_file_cache.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/seal/seal.hpp"
#include "core/files/atomic_file.hpp"
#include "core/text/json.hpp"

namespace lensbench {
namespace {

void collect_ids(const Dataset& dataset, std::set<std::int64_t>& ids) {
  for (const Variable& variable : dataset.variables()) {
    if (variable.holds != Holds::token_ids || variable.is_text()) continue;
    const at::Tensor values = variable.tensor.to(at::kLong).contiguous();
    const auto* first = values.data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < values.numel(); ++i)
      if (first[i] >= 0) ids.insert(first[i]);  // a negative id means a missing token
  }
}

std::vector<std::string> names_of(const std::map<std::string, Dataset>& saved) {
  std::vector<std::string> names;
  for (const auto& [name, dataset] : saved) names.push_back(name);
  return names;
}

void refuse_existing(const std::filesystem::path& out) {
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(out, ignored)))
    throw UsageError(out.string() +
                     ": exists already and is not overwritten; choose another file or move it "
                     "away");
}

}  // namespace

struct RunWriter::State {
  State(std::filesystem::path archive, RunPlan run_plan)
      : out(std::move(archive)), plan(std::move(run_plan)), folder(run_folder_of(out)) {
    for (std::string& key : case_keys(plan))
      case_files.push_back({std::move(key), CaseStatus::planned, "", {}});
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

  CaseFileRecord& record_of(std::int64_t index, std::int64_t pass) {
    return case_files[static_cast<std::size_t>(slot(index, pass))];
  }

  /// Records of the passes that a case has completed, with their slots.
  std::vector<std::int64_t> completed(std::int64_t index) const {
    std::vector<std::int64_t> slots;
    for (std::int64_t pass = 0; pass < plan.passes; ++pass) {
      const std::int64_t at = slot(index, pass);
      if (case_files[static_cast<std::size_t>(at)].status == CaseStatus::complete)
        slots.push_back(at);
    }
    if (slots.empty()) throw UsageError("case " + std::to_string(index) + " has not completed");
    return slots;
  }

  /// Whether a pass of a case has still to run: after a failure, later passes do not.
  bool is_waiting(std::int64_t index) const {
    for (std::int64_t pass = 0; pass < plan.passes; ++pass) {
      const auto status = case_files[static_cast<std::size_t>(slot(index, pass))].status;
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

  void write_image(const CaseFileHeader& header, const std::map<std::string, Dataset>& saved,
                   const CaseCosts& costs, const std::filesystem::path& file) const {
    make_case_file(header, saved, costs,
                   [&](std::span<const std::byte> image, std::string_view trailer) {
                     write_parts_atomically(file, {image, std::as_bytes(std::span(trailer))},
                                            folder.temporary());
                   });
  }

  void write(std::int64_t index, std::int64_t pass, const std::string& error,
             const std::map<std::string, Dataset>& saved, const CaseCosts& costs) {
    CaseFileRecord& record = record_of(index, pass);
    write_image({record.key, index, error}, saved, costs, folder.case_file(record.key));
    folder.remove_states(record.key);
    cache.forget(slot(index, pass));
    record.status = error.empty() ? CaseStatus::complete : CaseStatus::failed;
    record.error = error;
    record.names = names_of(saved);
  }

  /// Keeps what is needed of a saved case after its datasets are freed.
  void remember(const std::map<std::string, Dataset>& saved, std::int64_t pass) {
    for (const auto& [name, dataset] : saved) {
      pass_of[name] = pass;
      if (outlines.count(name) == 0) outlines[name] = outline_of(dataset);
      collect_ids(dataset, token_ids);
    }
  }

  /// Takes over the case file of an earlier process, or moves it to `quarantine/` if it is
  /// unusable.
  void recover(std::int64_t index, std::int64_t pass) {
    CaseFileRecord& record = record_of(index, pass);
    if (!std::filesystem::exists(folder.case_file(record.key))) return;
    try {
      const CaseFileReader reader(folder.case_file(record.key).string());
      if (reader.header().key != record.key || reader.header().index != index)
        throw InputError("it belongs to another case");
      std::map<std::string, Dataset> saved;
      for (const std::string& name : reader.names()) saved[name] = reader.read(name);
      record.status = reader.header().failed() ? CaseStatus::failed : CaseStatus::complete;
      record.error = reader.header().error;
      record.names = names_of(saved);
      remember(saved, pass);
      cache.keep(slot(index, pass), saved, reader.costs());
    } catch (const InputError&) {
      folder.quarantine(record.key);
    }
  }

  std::filesystem::path out;
  RunPlan plan;
  RunFolder folder;
  std::vector<CaseFileRecord> case_files;
  std::map<std::string, Dataset> outlines;
  std::map<std::string, std::int64_t> pass_of;  ///< pass that saves a dataset of that name
  std::set<std::int64_t> token_ids;
  CaseFileCache cache;
};

RunWriter::RunWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunWriter::~RunWriter() = default;
RunWriter::RunWriter(RunWriter&&) noexcept = default;

RunWriter RunWriter::start(const std::filesystem::path& out, const RunPlan& plan, bool resume) {
  refuse_existing(out);
  auto state = std::make_unique<State>(out, plan);
  // Again under the lock: another process may have sealed the run in the meantime.
  refuse_existing(out);
  const RunFolder& folder = state->folder;
  const nlohmann::json now = to_json(plan);
  if (std::filesystem::exists(folder.plan())) {
    if (!resume)
      throw UsageError(folder.path().string() + ": contains an interrupted run with " +
                       std::to_string(folder.case_file_count()) + " of " +
                       std::to_string(plan.cases.size()) +
                       " cases; resume it, or remove the folder");
    const auto before = read_json(folder.plan(), kPlanLimits);
    if (before != now)
      throw UsageError(folder.path().string() + ": the interrupted run has another request: " +
                       plan_difference(before, now) +
                       "; resume with the same request or choose another file");
    for (std::int64_t pass = 0; pass < plan.passes; ++pass)
      for (std::size_t i = 0; i < plan.cases.size(); ++i)
        state->recover(static_cast<std::int64_t>(i), pass);
  } else {
    write_file_atomically(folder.plan(), canonical_json(now), folder.temporary());
  }
  return RunWriter(std::move(state));
}

RunWriter RunWriter::take_over(const std::filesystem::path& out, const RunPlan& plan) {
  const auto stored = run_folder_of(out) / "plan.json";
  if (!std::filesystem::exists(stored))
    throw UsageError(run_folder_of(out).string() +
                     ": not the folder of an interrupted run, so there is nothing to finish");
  return start(out, with_plugins_of(plan, read_json(stored, kPlanLimits)), true);
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
    const CaseFileRecord& record = state_->case_files[static_cast<std::size_t>(slot)];
    if (std::find(record.names.begin(), record.names.end(), name) != record.names.end())
      return state_->cache.read(slot, state_->folder.case_file(record.key), name);
  }
  throw UsageError("case " + std::to_string(index) + " did not save a dataset '" + name + "'");
}

std::vector<std::string> RunWriter::names(std::int64_t index) const {
  std::vector<std::string> names;
  for (const std::int64_t slot : state_->completed(index)) {
    const auto& own = state_->case_files[static_cast<std::size_t>(slot)].names;
    names.insert(names.end(), own.begin(), own.end());
  }
  return names;
}

void RunWriter::commit_state(std::int64_t index, std::int64_t pass, const std::string& name,
                             const Dataset& state) {
  const CaseFileRecord& record = state_->record_of(index, pass);
  state_->folder.make_states();
  state_->write_image({record.key, index, ""}, {{"state", state}}, {},
                      state_->folder.state_file(record.key, name));
}

std::optional<Dataset> RunWriter::state(std::int64_t index, std::int64_t pass,
                                        const std::string& name) const {
  const CaseFileRecord& record = state_->record_of(index, pass);
  const auto file = state_->folder.state_file(record.key, name);
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    const CaseFileReader reader(file.string());
    if (reader.header().key == record.key) return reader.read("state");
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
  const SealInput input{state_->plan, state_->case_files, state_->cache, summaries,
                        vocabulary,   vocabulary_bytes,   environment,   run};
  const SealResult result = write_archive(state_->out, state_->folder, input);
  state_->folder.remove();
  return result;
}

}  // namespace lensbench
