#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// A claim of a tool about one task, with what two controls gave. Tables are [item][prompt]; NaN is
/// an item that was not answered.
struct ClaimRecord {
  std::string claim;
  bool of_stream = false;
  std::vector<std::string> items;  ///< those of the truth that the claim can be about
  Table claimed;
  std::optional<Table> shuffled;  ///< claims of the tool on the shuffled model
  /// Claims of a tool that was trained on permuted labels, or of its features about permuted
  /// tokens.
  std::optional<Table> permuted;
  std::string contradiction;  ///< two variables differ about an item; empty: none does
  double null_largest = std::numeric_limits<double>::quiet_NaN();
  double gauge_change = std::numeric_limits<double>::quiet_NaN();
  std::size_t candidates = 0;  ///< number of found features that were matched with planted ones
};

/// What a tool with settings answered about one task.
struct ToolRecord {
  std::string tool = {}, settings = {};
  std::size_t answered = 0, failed = 0;  ///< prompts
  std::string refusal = {};              ///< why it has no answer at all; empty if it has one
  std::string failure = {};              ///< reason of the first prompt that failed
  bool claims_nothing = false;
  std::vector<std::string> later = {};  ///< claims that are not graded yet
  std::vector<ClaimRecord> claims = {};
  /// Time for all prompts of the planted model; NaN in a record that was read from a file.
  double seconds = std::numeric_limits<double>::quiet_NaN();
};

/// What all tools answered about one task, in the order of the tools.
using TaskRecord = std::vector<ToolRecord>;

/// Keeps the records of tasks, so that a grading that is interrupted goes on where it ended. Any
/// thread may call it, but only one at a time.
class RecordStore {
 public:
  virtual ~RecordStore() = default;
  /// Record of a task; empty if it has to be asked.
  virtual std::optional<TaskRecord> find(std::size_t task) = 0;
  /// Tasks are kept in their order.
  virtual void keep(std::size_t task, const TaskRecord& record) = 0;
  /// Notes the task and tool that run now, which a killed process leaves; empty for nothing.
  virtual void note(const std::string& now) = 0;
  /// End of the message of a process that a plug-in ends: what is safe, and how to go on.
  virtual std::string advice() const = 0;
};

}  // namespace lensbench::grading
