#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/embedded_model.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {

/// Runs the command with `--out archive`.
inline Outcome run_into(const std::string& archive, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--out", archive});
  return lensbench(std::move(arguments));
}

}  // namespace lensbench::testing

// What every test of the command uses.
namespace lensbench {
namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using testing::kModel;
using testing::lensbench;
using ::testing::Not;
using testing::Outcome;
using testing::run_into;
using ::testing::StartsWith;
using testing::TempDir;
}  // namespace lensbench
