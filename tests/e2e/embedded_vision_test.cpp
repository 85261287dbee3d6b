// The included vision model answers questions about pictures that it was not trained on. The right
// answers are those of the program that draws the pictures (models/drawn_pictures.py).
#include <ATen/core/Tensor.h>

#include <fstream>
#include <map>

#include "archive/archive_reader.hpp"
#include "support/command.hpp"

namespace lensbench {
namespace {

const std::string kVisionModel = testing::source_folder() + "/models/shapes-qwen2vl";
const std::string kQuestions = kVisionModel + "/pictures/questions.jsonl";

/// Token that the model says first in answer to each question, by the id of its case.
class EmbeddedVisionModel : public ::testing::Test {
 protected:
  void ask(const std::vector<std::string>& settings = {}) {
    std::vector<std::string> words = {"tool",       "vision_lens", "--model",
                                      kVisionModel, "--prompts",   kQuestions,
                                      "--threads",  "1",           "--quiet"};
    for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
    const Outcome outcome = run_into(archive, words);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  TempDir folder;
  const std::string archive = folder / "a.h5";
};

std::map<std::string, std::int64_t> vocabulary() {
  std::ifstream file(kVisionModel + "/tokenizer.json");
  return json::parse(file)["model"]["vocab"].get<std::map<std::string, std::int64_t>>();
}

/// Kind of a question, from an id such as `pair-shape_of_colour`.
std::string kind_of(const std::string& id) {
  return id.substr(id.rfind('-') + 1);
}

TEST_F(EmbeddedVisionModel, AnswersPicturesThatItWasNotTrainedOn) {
  ASSERT_NO_FATAL_FAILURE(ask({"layers=6", "top_k=1"}));
  const Dataset lens = ArchiveReader(archive).read("vision_lens");
  const auto ids = vocabulary();
  std::map<std::string, std::pair<int, int>> right;
  std::pair<int, int> all;
  std::ifstream file(kQuestions);
  std::string line;
  for (std::int64_t i = 0; std::getline(file, line); ++i) {
    const json question = json::parse(line);
    ASSERT_EQ(lens["case_id"].strings[static_cast<std::size_t>(i)], question["id"]);
    const auto said = lens["answer_top_id"].tensor[i][-1][0].item<std::int64_t>();
    const bool good = said == ids.at(question["target"]);
    auto& kind = right[kind_of(question["id"])];
    kind.first += good ? 1 : 0, ++kind.second;
    all.first += good ? 1 : 0, ++all.second;
  }
  EXPECT_GE(all.second, 40);
  for (const char* kind : {"colour", "fundus", "kind"})
    EXPECT_GE(right[kind].first, 0.9 * right[kind].second) << kind;
}

}  // namespace
}  // namespace lensbench
