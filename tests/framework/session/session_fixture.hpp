#pragma once

#include <filesystem>
#include <lensbench/experiment.hpp>
#include <string>
#include <vector>

#include "archive/run/run_plan.hpp"
#include "session/run_request.hpp"
#include "support/embedded_model.hpp"
#include "support/fixture_plugins.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {

/// From sha256sum(1), not from the code under test.
inline std::string sha256sum(const std::filesystem::path& file) {
  return run({"/usr/bin/sha256sum", file.string()}).out.substr(0, 64);
}

inline FileRecord record_of(const std::string& role, const std::filesystem::path& file) {
  return {role, file.filename().string(), sha256sum(file),
          static_cast<std::int64_t>(std::filesystem::file_size(file))};
}

/// A folder with the plug-ins `good` (tool token_count) and `odd_results` (tool odd, experiment
/// uses_odd), and one for archives.
struct SessionFolders {
  SessionFolders() {
    place(plugins, "good");
    place(plugins, "odd_results");
  }

  /// A request to the embedded model, computed by one thread.
  RunRequest request(PluginEntryKind kind, const std::string& name) const {
    RunRequest asked;
    asked.kind = kind;
    asked.name = name;
    asked.model = kModel;
    asked.plugins.dirs = {plugins.path().string()};
    asked.threads = 1;
    return asked;
  }

  TempDir plugins, archives;
};

/// Cases of 1, 2, 3 … tokens: `case-1`, `case-2`, …
inline std::vector<CaseInput> cases_of_ids(std::int64_t count) {
  std::vector<CaseInput> cases;
  for (std::int64_t n = 1; n <= count; ++n)
    cases.push_back({"case-" + std::to_string(n),
                     "",
                     std::vector<std::int64_t>(static_cast<std::size_t>(n), 17),
                     {}});
  return cases;
}

/// A case whose id the vocabulary does not have.
inline CaseInput broken_case() {
  return {"broken", "", {1'000'000'000}, {}};
}

}  // namespace lensbench::testing
