#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "fixtures/faults/io_faults.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

// The real command, with a real model, disturbed from outside.

namespace lensbench::testing {

inline constexpr int kCommandCases = 3;

/// `tool logit_lens` on three short cases; writes `out`.
std::vector<std::string> lens_command(const std::filesystem::path& out);

/// What a run printed and reported.
struct Reported {
  Outcome outcome;
  std::set<int> done;           ///< cases reported as safe
  std::string results, recipe;  ///< digests of the archive, if there is one
};
Reported report_of(Outcome outcome, const std::filesystem::path& out);

/// Variables of the environment that arm faults in a command (fixtures/faults).
/// \param log  file that gets a letter for each call
std::vector<std::string> faults(const std::filesystem::path& root, long at, FaultMode mode,
                                const std::filesystem::path& log);

/// Name of a test whose parameter is a mode.
inline std::string name_of_mode(const ::testing::TestParamInfo<FaultMode>& mode) {
  return kFaultModes[static_cast<int>(mode.param)];
}

/// Starts `command` with these variables in its environment, its output in `notes`.
pid_t start_with(const std::vector<std::string>& variables, std::vector<std::string> command,
                 const std::filesystem::path& notes);

/// Report of the command when nothing disturbs it.
const Reported& undisturbed_command();

/// After a disturbance: a run with `--resume` ends well, runs no case that was reported as done,
/// leaves an archive that verifies with the digests of an undisturbed run, and nothing else.
void expect_resumes(const std::filesystem::path& folder, const std::set<int>& done);

}  // namespace lensbench::testing
