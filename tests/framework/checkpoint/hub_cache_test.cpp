#include "checkpoint/hub_cache.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <lensbench/error.hpp>
#include <optional>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempDir;

constexpr const char* kVariables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME",
                                      "XDG_CACHE_HOME", "HOME"};

/// A cache with org/name (main -> abc, v1 -> def) and gpt2 (main -> 123), and an environment in
/// which no variable leads to one.
class HubCache : public ::testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < std::size(kVariables); ++i) {
      if (const char* value = std::getenv(kVariables[i])) saved_[i] = value;
      ::unsetenv(kVariables[i]);
    }
  }
  void TearDown() override {
    for (std::size_t i = 0; i < std::size(kVariables); ++i)
      saved_[i] ? ::setenv(kVariables[i], saved_[i]->c_str(), 1) : ::unsetenv(kVariables[i]);
  }

  /// Fills the folder and points a variable at `value`.
  fs::path fill(const fs::path& hub, const char* name, const fs::path& value) {
    const auto below = hub.lexically_relative(dir_.path());
    dir_.write(below / "models--org--name/refs/main", "abc\n");
    dir_.write(below / "models--org--name/refs/v1", "def");
    dir_.write(below / "models--org--name/snapshots/abc/config.json", "{}");
    dir_.write(below / "models--org--name/snapshots/def/config.json", "{}");
    dir_.write(below / "models--gpt2/refs/main", "123");
    dir_.write(below / "models--gpt2/snapshots/123/config.json", "{}");
    ::setenv(name, value.c_str(), 1);
    return hub;
  }
  fs::path fill_hub() { return fill(dir_.path() / "cache", "HF_HUB_CACHE", dir_.path() / "cache"); }

  TempDir dir_;
  std::optional<std::string> saved_[std::size(kVariables)];
};

TEST_F(HubCache, ADirectoryIsTakenAsItIs) {
  EXPECT_EQ(resolve_model_directory(dir_.path().string()), dir_.path());
}

TEST_F(HubCache, FindsTheCommitOfMain) {
  const auto hub = fill_hub();
  EXPECT_EQ(resolve_model_directory("org/name"), hub / "models--org--name/snapshots/abc");
}

TEST_F(HubCache, FindsANameWithoutOrganisation) {
  const auto hub = fill_hub();
  EXPECT_EQ(resolve_model_directory("gpt2"), hub / "models--gpt2/snapshots/123");
}

TEST_F(HubCache, FindsARevisionByNameAndByCommit) {
  const auto hub = fill_hub();
  EXPECT_EQ(resolve_model_directory("org/name@v1"), hub / "models--org--name/snapshots/def");
  EXPECT_EQ(resolve_model_directory("org/name@def"), hub / "models--org--name/snapshots/def");
}

TEST_F(HubCache, HonoursTheVariablesOfTheHubClient) {
  const auto root = dir_.path();
  const auto expected = "models--gpt2/snapshots/123";
  EXPECT_EQ(resolve_model_directory(
                (fill(root / "home/.cache/huggingface/hub", "HOME", root / "home"), "gpt2")),
            root / "home/.cache/huggingface/hub" / expected);
  EXPECT_EQ(resolve_model_directory(
                (fill(root / "xdg/huggingface/hub", "XDG_CACHE_HOME", root / "xdg"), "gpt2")),
            root / "xdg/huggingface/hub" / expected);
  EXPECT_EQ(resolve_model_directory((fill(root / "hf/hub", "HF_HOME", root / "hf"), "gpt2")),
            root / "hf/hub" / expected);
  EXPECT_EQ(resolve_model_directory((fill(root / "cache", "HF_HUB_CACHE", root / "cache"), "gpt2")),
            root / "cache" / expected);
}

TEST_F(HubCache, SaysWhichCommandWouldFetchAModel) {
  fill_hub();
  EXPECT_THAT(message_of<InputError>([] { resolve_model_directory("org/other"); }),
              HasSubstr("fetch it with `hf download org/other`"));
  EXPECT_THAT(message_of<InputError>([] { resolve_model_directory("org/name@v2"); }),
              HasSubstr("`hf download org/name --revision v2`"));
}

TEST_F(HubCache, DoesNotOfferToFetchWhatIsNoName) {
  for (const char* text : {"/no/such/folder", "./folder", "../folder", "a/b/c", "", "a--b/c",
                           "org/name@../../x", "org/name@", "org/na me", "-x"})
    EXPECT_THAT(message_of<InputError>([&] { resolve_model_directory(text); }),
                HasSubstr("model directory not found"))
        << text;
}

TEST_F(HubCache, ACommitThatLeadsElsewhereIsNotFollowed) {
  fill_hub();
  dir_.write("cache/models--org--name/refs/main", "../../../outside");
  fs::create_directories(dir_.path() / "outside");
  EXPECT_THROW(resolve_model_directory("org/name"), InputError);
}

TEST_F(HubCache, SaysThatAFileIsNotAModelDirectory) {
  const auto message = [&](const char* name) {
    const auto file = dir_.write(name, "no matter what");
    return message_of<InputError>([&] { resolve_model_directory(file.string()); });
  };
  EXPECT_THAT(message("readme.md"),
              HasSubstr("is a file; expected a Hugging Face model directory"));
  EXPECT_THAT(message("model.gguf"), HasSubstr(" model.gguf "));
  EXPECT_THAT(message("pytorch_model.bin"), HasSubstr("never opens"));
  EXPECT_THAT(message("model.safetensors"), HasSubstr("give its directory"));
}

}  // namespace
}  // namespace lensbench
