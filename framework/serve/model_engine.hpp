#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "serve/answered_run.hpp"
#include "serve/engine.hpp"
#include "serve/worker.hpp"
#include "session/open_parts.hpp"
#include "session/run_request.hpp"

namespace lensbench::serve {

/// Runs tools on one model that is opened once. Answers are kept in memory, so that they can be
/// saved; the oldest are forgotten when they are many.
class ModelEngine final : public Engine {
 public:
  /// Loads the plug-ins and opens the model.
  /// \param request  model, plug-ins, type, device, threads and seed of every question
  /// \param warn     receives a sentence for each tool that cannot be offered
  /// \throws as `RunSession`; UsageError if no tool can be offered
  ModelEngine(RunRequest request, const Warn& warn);
  /// Cancels the question that runs.
  ~ModelEngine() override;

  const nlohmann::json& description() const override { return description_; }
  std::optional<std::int64_t> ask(std::string body, std::function<void(Answer)> done) override;
  bool cancel(std::optional<std::int64_t> number) override;
  nlohmann::json progress() const override;
  void save(std::int64_t number, std::function<void(SavedArchive)> done) override;

 private:
  using Clock = std::chrono::steady_clock;
  /// The question that runs.
  struct Running {
    std::int64_t number = 0;  ///< 0: none runs
    std::string tool;
    std::int64_t done = 0, total = 0;
    Clock::time_point begin;
  };

  void offer_tools(const Warn& warn);
  Answer answer(std::int64_t number, const std::string& body);
  Answer run(std::int64_t number, const std::string& body);
  std::string archive_name(const std::string& tool, std::int64_t number) const;
  void check_files(const RunPlan& plan) const;
  void keep(std::int64_t number, AnsweredRun run);
  SavedArchive archive_of(std::int64_t number) const;
  void note_tool(const std::string& tool);

  RunRequest request_;
  OpenParts parts_;
  std::vector<const PluginInfo*> tools_;
  std::map<std::filesystem::path, std::string> opened_;  ///< files of the model and their SHA-256
  nlohmann::json description_, environment_;

  mutable std::mutex mutex_;
  Running running_;             ///< guarded by the mutex
  std::int64_t questions_ = 0;  ///< number of questions so far, guarded by the mutex
  std::atomic<bool> stop_ = false;

  std::map<std::int64_t, AnsweredRun> answers_;  ///< used by the worker alone
  Worker worker_;                                ///< last, so that its jobs end first
};

}  // namespace lensbench::serve
