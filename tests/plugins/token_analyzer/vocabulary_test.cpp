#include "token_analyzer/vocabulary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "support/contexts.hpp"
#include "support/embedded_model.hpp"
#include "support/temp_dir.hpp"
#include "token_analyzer/token_analyzer.hpp"

namespace lensbench::token_analysis {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string message_of(const Model& own, const Model& other) {
  try {
    require_same_vocabulary(own, other);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(RequireSameVocabulary, AcceptsAnEarlierMomentOfTheSameTraining) {
  const auto own = Model::open(testing::kModel);
  const auto other = Model::open(testing::kModel + "/checkpoints/step-400");
  EXPECT_NO_THROW(require_same_vocabulary(*own, *other));
}

TEST(RequireSameVocabulary, AcceptsACheckpointWithoutATokenizer) {
  const testing::TempDir folder;
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy(fs::path(testing::kModel) / name, folder / name);
  const auto own = Model::open(testing::kModel);
  EXPECT_NO_THROW(require_same_vocabulary(*own, *Model::open(folder.path().string())));
}

TEST(RequireSameVocabulary, NamesTheFirstTokenThatDiffers) {
  const testing::TempDir folder;
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy(fs::path(testing::kModel) / name, folder / name);
  auto tokenizer = nlohmann::json::parse(std::ifstream(testing::kModel + "/tokenizer.json"));
  auto& vocabulary = tokenizer["model"]["vocab"];
  const int lord = vocabulary["ĠLORD"];
  const int unto = vocabulary["Ġunto"];
  vocabulary["ĠLORD"] = unto;
  vocabulary["Ġunto"] = lord;
  folder.write("tokenizer.json", tokenizer.dump());

  const auto own = Model::open(testing::kModel);
  const auto other = Model::open(folder.path().string());
  const std::string message = message_of(*own, *other);
  EXPECT_THAT(message, HasSubstr("token " + std::to_string(std::min(lord, unto))));
  EXPECT_THAT(message, HasSubstr("' unto'"));
  EXPECT_THAT(message, HasSubstr("' LORD'"));
}

TEST(VersusModel, AddsTheComparisonToTheAnalysisOfTheSameText) {
  Context context = testing::context_of(Model::open(testing::kModel));
  TokenAnalyzerTool tool;
  tool.attach(context);
  const auto parameters = Parameters::resolve(
      TokenAnalyzerTool::kParameters,
      {{"versus_model", testing::kModel + "/checkpoints/step-400"}, {"max_new_tokens", "5"}},
      "test");
  const Tokens prompt = to_tokens(context.model(), " the God of Abraham, of Isaac, and of");
  const Dataset dataset = tool.run(Request(prompt, parameters));
  EXPECT_EQ(dataset.dim("token"), prompt.size() + 5);
  EXPECT_TRUE(dataset.contains("entropy_jump"));
  EXPECT_TRUE(dataset.contains("js_divergence"));
  for (const Receipt& receipt : dataset.receipts) EXPECT_TRUE(receipt.passed) << receipt.name;
}

}  // namespace
}  // namespace lensbench::token_analysis
