// The stored models that were trained for a given circuit (models/train_siit.py): their truth was
// computed in another program.
#include <gtest/gtest.h>

#include <filesystem>
#include <lensbench/model.hpp>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "grading/check/check_planted.hpp"
#include "grading/truth/truth_file.hpp"
#include "support/folders.hpp"
#include "support/tensors.hpp"

namespace lensbench::grading {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> stored_models() {
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(testing::source_folder() + "/models"))
    if (entry.path().filename().string().starts_with("siit-")) folders.insert(entry.path());
  return {folders.begin(), folders.end()};
}

class Siit : public ::testing::TestWithParam<fs::path> {
 protected:
  Truth truth_ = read_truth(GetParam());
};

TEST_P(Siit, HasTheTruthThatIsComputedHere) {
  const CheckedTruth checked = check_planted(truth_, read_exact_model(Checkpoint(GetParam())));
  EXPECT_GT(checked.numbers, 900u);
  for (const WrongNumber& number : checked.wrong) ADD_FAILURE() << describe(number);
}

TEST_P(Siit, IsSmall) {
  std::uintmax_t all = 0;
  for (const auto& entry : fs::directory_iterator(GetParam())) all += entry.file_size();
  EXPECT_LE(fs::file_size(GetParam() / "model.safetensors"), 60 * 1024u);
  EXPECT_LE(all, 80 * 1024u);
}

// What the model is trained for: whether one pair is equal and the other one is not.
TEST_P(Siit, AnswersEveryPromptAsTheProgramDoes) {
  const auto model = Model::open(GetParam().string());
  constexpr std::int64_t kEqual = 4, kDiffer = 5;
  for (std::int64_t code = 0; code < 256; ++code) {
    const std::vector<std::int64_t> ids = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6, 4};
    const at::Tensor logits = model->forward({testing::rows_of({ids}), {}}, {}).logits[0][4];
    EXPECT_EQ(logits.argmax().item<std::int64_t>(),
              (ids[0] == ids[1]) != (ids[2] == ids[3]) ? kDiffer : kEqual)
        << code;
  }
}

INSTANTIATE_TEST_SUITE_P(Stored, Siit, ::testing::ValuesIn(stored_models()),
                         [](const auto& folder) {
                           return "seed_" + folder.param.filename().string().substr(5);
                         });

}  // namespace
}  // namespace lensbench::grading
