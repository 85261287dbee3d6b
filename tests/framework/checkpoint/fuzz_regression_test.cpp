// Every seed and every input that once broke a fuzz target (tests/fuzz), read again. A target ends
// the process when it finds a fault; to return is to pass.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/gguf_target.hpp"
#include "fuzz/safetensors_target.hpp"
#include "fuzz/tokenizer_target.hpp"
#include "support/folders.hpp"

namespace lensbench {
namespace {

int read_all(const std::string& target, void (*read)(std::string_view)) {
  int count = 0;
  const auto folder = std::filesystem::path(testing::data_folder()) / "fuzz" / target;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    read(bytes.str());
    ++count;
  }
  return count;
}

TEST(FuzzRegression, SafetensorsHeadersAreReadOrRefused) {
  EXPECT_GT(read_all("safetensors", fuzz::read_safetensors), 0);
}

TEST(FuzzRegression, GgufHeadersAreReadOrRefused) {
  EXPECT_GT(read_all("gguf", fuzz::read_gguf), 0);
}

TEST(FuzzRegression, TokenizersAreReadOrRefused) {
  EXPECT_GT(read_all("tokenizer", fuzz::read_tokenizer), 0);
}

}  // namespace
}  // namespace lensbench
