#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "bench/runner.hpp"
#include "session/process/crash_report.hpp"

namespace lensbench {

/// Connects the runner to an archive.
class ArchiveSink final : public ResultSink {
 public:
  /// \param session  start time of this process, for the costs of its cases
  /// \param cases    cases of the run, which must outlive this object
  /// \param crash    where a crash is reported; must outlive this object
  ArchiveSink(RunWriter& writer, std::string session, const std::vector<CaseInput>& cases,
              CrashReport& crash)
      : writer_(writer), session_(std::move(session)), cases_(cases), crash_(crash) {}

  std::vector<std::int64_t> done(std::int64_t pass) const override { return writer_.done(pass); }
  std::vector<std::int64_t> given_up(std::int64_t pass) const override {
    return writer_.given_up(pass);
  }
  void commit(std::int64_t index, std::int64_t pass, const std::map<std::string, Dataset>& saved,
              const CaseCosts& costs) override {
    writer_.commit(index, saved, of_this_session(costs), pass);
  }
  bool is_safe() const override { return writer_.is_safe(); }
  void make_safe() override { writer_.make_safe(); }
  void commit_failure(std::int64_t index, std::int64_t pass, const std::string& error,
                      const CaseCosts& costs) override {
    writer_.commit_failure(index, error, of_this_session(costs), pass);
  }
  void commit_state(std::int64_t index, std::int64_t pass, const std::string& key,
                    const Dataset& state) override {
    writer_.commit_state(index, pass, key, state);
  }
  std::optional<Dataset> state(std::int64_t index, std::int64_t pass,
                               const std::string& key) const override {
    return writer_.state(index, pass, key);
  }
  void note(std::int64_t index, const std::string& tool) override {
    now_ = index < 0 ? "" : "case '" + cases_[static_cast<std::size_t>(index)].id + "'";
    if (!now_.empty() && !tool.empty()) now_ += ", tool '" + tool + "'";
    writer_.note(now_, index);
    crash_.note(now_);
  }
  /// The case and tool that run now; empty if none does.
  const std::string& now() const { return now_; }
  Dataset read(std::int64_t index, const std::string& name) const override {
    return writer_.read(index, name);
  }
  std::vector<std::string> names(std::int64_t index) const override { return writer_.names(index); }

 private:
  CaseCosts of_this_session(CaseCosts costs) const {
    costs.session = session_;
    return costs;
  }

  RunWriter& writer_;
  std::string session_;
  const std::vector<CaseInput>& cases_;
  CrashReport& crash_;
  std::string now_;
};

}  // namespace lensbench
