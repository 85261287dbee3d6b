#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "bench/runner.hpp"

namespace lensbench {

/// Keeps the results of a run of one pass in memory, from which an archive can be written later.
class KeptResults final : public ResultSink {
 public:
  /// What became of one case.
  struct Entry {
    std::map<std::string, Dataset> saved;
    CaseCosts costs;
    std::string error;  ///< empty for a complete case
  };

  /// \param session  start time of the run, for the costs of its cases
  explicit KeptResults(std::string session) : session_(std::move(session)) {}

  std::vector<std::int64_t> done(std::int64_t) const override { return {}; }
  void commit(std::int64_t index, std::int64_t pass, const std::map<std::string, Dataset>& saved,
              const CaseCosts& costs) override;
  void commit_failure(std::int64_t index, std::int64_t pass, const std::string& error,
                      const CaseCosts& costs) override;
  void commit_state(std::int64_t index, std::int64_t pass, const std::string& key,
                    const Dataset& state) override;
  std::optional<Dataset> state(std::int64_t index, std::int64_t pass,
                               const std::string& key) const override;
  void note(std::int64_t index, const std::string& tool) override;
  Dataset read(std::int64_t index, const std::string& name) const override;
  std::vector<std::string> names(std::int64_t index) const override;

  const std::map<std::int64_t, Entry>& entries() const { return entries_; }
  /// Name of the tool that runs now; empty if none does.
  const std::string& tool() const { return tool_; }
  /// Bytes of all values.
  std::size_t bytes() const;

  /// Commits all cases to the writer of an archive.
  void write_to(RunWriter& writer) const;

 private:
  CaseCosts of_this_session(CaseCosts costs) const;

  std::string session_, tool_;
  std::map<std::int64_t, Entry> entries_;
  std::map<std::pair<std::int64_t, std::string>, Dataset> states_;
};

}  // namespace lensbench
