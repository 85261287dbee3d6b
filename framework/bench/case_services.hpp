#pragma once

#include <atomic>
#include <cstdint>
#include <lensbench/context.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/access/context_access.hpp"
#include "bench/cost_meter.hpp"
#include "bench/run_services.hpp"
#include "bench/runner.hpp"
#include "bench/tool_meter.hpp"

namespace lensbench {

/// Services of a run for the tools of its current case. It also observes their calls, so that the
/// sink knows what runs when the process ends without notice.
class CaseServices final : public RunServices, public ToolMeter {
 public:
  CaseServices(Context& context, ResultSink& sink, const RunControl& control, CostMeter& meter)
      : context_(context), sink_(sink), control_(control), meter_(meter) {
    ContextAccess::connect(context_, this);
  }
  ~CaseServices() override { ContextAccess::connect(context_, nullptr); }
  CaseServices(const CaseServices&) = delete;
  CaseServices& operator=(const CaseServices&) = delete;

  /// \param batch  prompts whose forwards run together with that of the case; nullptr: none
  void begin_case(std::int64_t index, std::int64_t pass, const CaseBatch* batch);
  void end_case();
  /// Whether a tool was called since `forget_calls`.
  bool has_called() const { return called_; }
  void forget_calls() { called_ = false; }
  /// Tool after whose call the weights were not as before, as `tool 'x'`; else `otherwise`.
  std::string writer(const std::string& otherwise) const;

  void progress(std::int64_t done, std::int64_t total) override;
  bool cancelled() const override;
  void commit(const std::string& key, const Dataset& state) override;
  std::optional<Dataset> committed(const std::string& key) const override;
  const CaseBatch* batch() const override { return batch_; }

  void begin(const std::string& tool) override;
  void end() noexcept override;

 private:
  /// Number of the case and pass that a state belongs to; -1 and 0 for one of the whole run.
  /// \throws UsageError for a state of a case if no case runs (in `Experiment::finish`)
  std::pair<std::int64_t, std::int64_t> owner_of(const std::string& key) const;

  Context& context_;
  ResultSink& sink_;
  const RunControl& control_;
  CostMeter& meter_;
  std::int64_t index_ = -1, pass_ = 0;
  const CaseBatch* batch_ = nullptr;
  std::atomic<bool> called_ = false;  ///< an experiment may call tools from its own threads
  mutable std::mutex mutex_;
  std::vector<std::string> running_;  ///< tools whose calls have not ended, outermost first
  std::string writer_;                ///< tool after whose call the weights were not as before
};

}  // namespace lensbench
