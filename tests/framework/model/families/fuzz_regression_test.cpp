// Every seed and every input that once broke the fuzz target of configurations (tests/fuzz), read
// again. The target ends the process when it finds a fault; to return is to pass.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/config_target.hpp"
#include "support/folders.hpp"

namespace lensbench {
namespace {

TEST(FuzzRegression, ConfigurationsAreReadOrRefused) {
  int count = 0;
  const auto folder = std::filesystem::path(testing::data_folder()) / "fuzz" / "config";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    fuzz::read_config(bytes.str());
    ++count;
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace lensbench
