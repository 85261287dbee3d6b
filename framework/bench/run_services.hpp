#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <optional>
#include <string>

#include "bench/input/case_batches.hpp"

namespace lensbench {

/// Number of the case of states that belong to the whole run.
inline constexpr std::int64_t kOfRun = -1;

/// Whether a state belongs to the whole run and not to a case.
inline bool is_of_run(const std::string& key) {
  return key.starts_with("run_");
}

/// What a run does for the tools of its current case.
class RunServices {
 public:
  virtual ~RunServices();
  /// See `Context::progress`.
  virtual void progress(std::int64_t done, std::int64_t total) = 0;
  /// See `Context::cancelled`.
  virtual bool cancelled() const = 0;
  /// See `Context::commit`.
  virtual void commit(const std::string& key, const Dataset& state) = 0;
  /// See `Context::committed`.
  virtual std::optional<Dataset> committed(const std::string& key) const = 0;
  /// Prompts whose forwards run together with that of the current case; nullptr: it runs alone.
  virtual const CaseBatch* batch() const { return nullptr; }
};

}  // namespace lensbench
