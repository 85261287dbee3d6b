// Texts and ids of chat prompts against a table of transformers 5.24.0, which is in a folder shared
// with other projects: LENSBENCH_SHARED, or `shared` next to the checkout. Skipped where it is not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "session/pictures/chat_prompt.hpp"
#include "support/folders.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class GoldenPrompts : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("LENSBENCH_SHARED");
    const fs::path folder =
        fs::path(given != nullptr ? given : testing::source_folder() + "/../shared") / "golden" /
        "vision";
    if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
    model = Model::open((folder / "qwen2_vl_tiny").string());
    table = Json::parse(std::ifstream(folder / "prompts.json"));
  }

  std::shared_ptr<const Model> model;
  Json table;
};

/// Whether messages are what `--prompt` makes: one of a user, with parts that are texts or
/// pictures.
bool is_one_question(const Json& one) {
  return one.at("messages").size() == 1 && !one.value("add_vision_id", false);
}

TEST_F(GoldenPrompts, HaveTheIdsOfTransformers) {
  for (const Json& one : table) {
    const bool plain = one.contains("plain");
    const std::string text = one.at(plain ? "plain" : "text");
    EXPECT_EQ(model->tokenizer()->encode(text, false).ids,
              one.at(plain ? "ids" : "ids_one_placeholder_each").get<std::vector<std::int64_t>>())
        << text;
  }
}

TEST_F(GoldenPrompts, OfOneQuestionHaveTheTextOfTransformers) {
  int compared = 0;
  for (const Json& one : table) {
    if (one.contains("plain") || !is_one_question(one)) continue;
    std::string words;
    std::size_t pictures = 0;
    for (const Json& part : one.at("messages").at(0).at("content")) {
      const bool is_picture = part.at("type") == "image";
      words += is_picture ? "{image}" : part.at("text").get<std::string>();
      pictures += is_picture ? 1 : 0;
    }
    EXPECT_EQ(chat_prompt(words, pictures, "", "prompt"), one.at("text").get<std::string>());
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace lensbench
