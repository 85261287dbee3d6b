// Dictionaries through the command: bad input leaves no archive, one that was trained is read back.
#include <fstream>

#include "archive/archive_reader.hpp"
#include "support/command.hpp"
#include "support/folders.hpp"

namespace lensbench {
namespace {

class DictionaryCommand : public ::testing::Test {
 protected:
  Outcome ask(const std::string& archive, const std::vector<std::string>& settings) {
    std::vector<std::string> words = {"tool",   "sparse_autoencoder", "--model",   kModel,
                                      "--ids",  "5 9 17 30",          "--threads", "1",
                                      "--quiet"};
    for (const std::string& setting : settings) {
      words.emplace_back("--set");
      words.push_back(setting);
    }
    return run_into(archive, words);
  }
  void expect_refusal(const std::vector<std::string>& settings, int code,
                      const std::string& message) {
    const Outcome outcome = ask(archive_, settings);
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_FALSE(fs::exists(archive_));
  }
  std::string sample(const std::string& kind) const {
    return testing::data_folder() + "/sparse_autoencoder/" + kind;
  }
  double value(const std::string& archive, const std::string& name) const {
    return ArchiveReader(archive).read("sparse_autoencoder")[name].tensor.item<double>();
  }

  TempDir folder_;
  const std::string archive_ = folder_ / "a.h5";
};

TEST_F(DictionaryCommand, LeavesNoArchiveAfterBadInput) {
  expect_refusal({}, 2, "mode=use needs sae");
  expect_refusal({"mode=train", "text=generated:8"}, 2, "mode=train needs hook");
  expect_refusal({"sae=" + sample("topk")}, 3, "the dictionary has rows of 24");
  expect_refusal({"sae=" + sample("topk"), "hook=blocks.9.hook_resid_post"}, 2,
                 "blocks.9.hook_resid_post");
  expect_refusal({"sae=" + sample("topk"), "feature=40"}, 2, "expected 0 to 39");
  fs::copy(sample("topk"), folder_ / "cut");
  std::ofstream(folder_ / "cut/sae_weights.safetensors", std::ios::trunc) << "{";
  expect_refusal({"sae=" + (folder_ / "cut").string()}, 3, "sae_weights.safetensors");
  std::ofstream(folder_ / "cut/cfg.json", std::ios::trunc) << "{\"architecture\": \"temporal\"}";
  expect_refusal({"sae=" + (folder_ / "cut").string()}, 3, "field architecture is 'temporal'");
}

TEST_F(DictionaryCommand, ReadsADictionaryBackThatItTrained) {
  // All documents are equal, so that those held out have the unexplained variance of all.
  std::string lines;
  for (int document = 0; document < 8; ++document)
    lines += "{\"ids\": [400, 31, 77, 5, 900, 1200, 3, 18, 77, 210]}\n";
  const std::string text = "text=" + folder_.write("text.jsonl", lines).string();
  const Outcome trained =
      ask(archive_, {"mode=train", "hook=blocks.2.hook_resid_post", text, "latents=32", "k=4",
                     "steps=3", "tokens_per_step=20", "held_out=0.25"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const std::string read = folder_ / "b.h5";
  const Outcome used = ask(read, {"sae=" + archive_ + ":results/sparse_autoencoder", text,
                                  "splice=true", "attribute=true"});
  ASSERT_EQ(used.exit_code, 0) << used.err;
  EXPECT_NEAR(value(read, "fvu"), value(archive_, "held_out_fvu"), 1e-6);
  EXPECT_EQ(lensbench({"verify", read}).exit_code, 0);
  const Outcome replayed = lensbench({"replay", read, "--threads", "1"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  EXPECT_THAT(replayed.out, HasSubstr("identical"));
}

}  // namespace
}  // namespace lensbench
