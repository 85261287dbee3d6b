#include "bench/case_services.hpp"

#include <lensbench/error.hpp>

#include "model/weights/weight_versions.hpp"

namespace lensbench {

/// The sink notes the case, so that a message after a crash can name it.
void CaseServices::begin_case(std::int64_t index, std::int64_t pass, const CaseBatch* batch) {
  index_ = index;
  pass_ = pass;
  batch_ = batch;
  forget_calls();
  sink_.note(index_, "");
}

void CaseServices::end_case() {
  index_ = -1;
  batch_ = nullptr;
  sink_.note(-1, "");
}

void CaseServices::progress(std::int64_t done, std::int64_t total) {
  if (control_.on_progress) control_.on_progress(done, total);
}

bool CaseServices::cancelled() const {
  return control_.should_stop && control_.should_stop();
}

/// Intermediate states are kept by case and pass, which `finish` does not have.
std::pair<std::int64_t, std::int64_t> CaseServices::owner_of(const std::string& key) const {
  if (is_of_run(key)) return {kOfRun, 0};
  if (index_ < 0)
    throw UsageError("state '" + key +
                     "': states belong to a case, and no case runs; keep states only in run(), or "
                     "begin the key with run_");
  return {index_, pass_};
}

void CaseServices::commit(const std::string& key, const Dataset& state) {
  const auto [index, pass] = owner_of(key);
  sink_.commit_state(index, pass, key, state);
}

std::optional<Dataset> CaseServices::committed(const std::string& key) const {
  const auto [index, pass] = owner_of(key);
  return sink_.state(index, pass, key);
}

/// Calls outside cases are metered, but there is no case to note.
void CaseServices::begin(const std::string& tool) {
  called_ = true;
  meter_.begin(tool);
  if (index_ >= 0) sink_.note(index_, tool);
  const std::lock_guard lock(mutex_);
  running_.push_back(tool);
}

/// A tool that changed the weights is known only right after its call.
void CaseServices::end() noexcept {
  meter_.end();
  const std::lock_guard lock(mutex_);
  if (writer_.empty() && !changed_parts_of(context_.model()).empty()) writer_ = running_.back();
  running_.pop_back();
}

std::string CaseServices::writer(const std::string& otherwise) const {
  const std::lock_guard lock(mutex_);
  return writer_.empty() ? otherwise : "tool '" + writer_ + "'";
}

}  // namespace lensbench
