// Named pipes in place of files: opening one for reading would wait until another process writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>

#include "checkpoint/hub_cache.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempDir;

void make_pipe(const fs::path& path) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
}

class PipeInAFolder : public ::testing::TestWithParam<const char*> {};

TEST_P(PipeInAFolder, InPlaceOfAFileOfATokenizerIsRefused) {
  const TempDir dir;
  const std::string name = GetParam();
  if (name == "merges.txt") dir.write("vocab.json", R"({"a": 0})");
  if (name == "vocab.txt")
    dir.write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  make_pipe(dir / name);
  ::alarm(60);  // ends the program instead of a wait for ever
  EXPECT_THAT(message_of<InputError>([&] { Tokenizer::open(dir.path()); }), HasSubstr(name));
  ::alarm(0);
}

INSTANTIATE_TEST_SUITE_P(, PipeInAFolder,
                         ::testing::Values("vocab.txt", "merges.txt", "vocab.json",
                                           "tokenizer.json"));

TEST(PipeInTheHubCache, InPlaceOfAReferenceOfTheHubCacheIsNotRead) {
  const TempDir cache;
  fs::create_directories(cache / "models--a--b/refs");
  make_pipe(cache / "models--a--b/refs/main");
  const char* before = std::getenv("HF_HUB_CACHE");
  const std::string saved = before == nullptr ? "" : before;
  ::setenv("HF_HUB_CACHE", cache.path().c_str(), 1);
  ::alarm(60);
  EXPECT_THAT(message_of<InputError>([] { resolve_model_directory("a/b"); }),
              HasSubstr("hf download a/b"));
  ::alarm(0);
  if (before == nullptr)
    ::unsetenv("HF_HUB_CACHE");
  else
    ::setenv("HF_HUB_CACHE", saved.c_str(), 1);
}

}  // namespace
}  // namespace lensbench
