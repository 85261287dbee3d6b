// The projects in examples/, and their results against values computed once more.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "core/files/sha256.hpp"
#include "third_party_fixture.hpp"

namespace lensbench {
namespace {

using testing::run;

// Quantile of type 7 (Hyndman and Fan 1996), straight from its definition.
double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

TEST_F(ThirdParty, LearnAThresholdAndUseIt) {
  const auto plugins = built(fs::path(testing::source_folder()) / "examples" / "residual_norm",
                             root() / "residual_norm");
  const std::string learned = root() / "learned.h5", used = root() / "used.h5";
  const auto ran = lensbench({"run", "residual_norm_thresholds", "--plugin-dir", plugins, "--model",
                              kModel, "--prompts", testing::source_folder() + "/models/prompts.txt",
                              "--set", "quantile=0.9", "--quiet", "--out", learned});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;

  auto norms = columns(learned, "norms/residual_norm");
  auto thresholds = columns(learned, "thresholds/threshold");
  ASSERT_EQ(thresholds["threshold"].size(), 7U);
  for (std::size_t layer = 0; layer < 7; ++layer) {
    std::vector<double> of_layer;
    for (std::size_t i = 0; i < norms["layer"].size(); ++i)
      if (norms["layer"][i] == static_cast<double>(layer) && norms["position"][i] > 0)
        of_layer.push_back(norms["residual_norm"][i]);
    // Norms up to 23 are read as the shortest decimals of their float32.
    EXPECT_NEAR(thresholds["threshold"][layer], quantile(of_layer, 0.9), 2e-6) << layer;
  }

  const auto tool =
      lensbench({"tool", "residual_norm", "--plugin-dir", plugins, "--model", kModel, "--prompt",
                 "And the LORD spake unto Moses, saying", "--quiet", "--set",
                 "thresholds=" + learned + ":results/thresholds", "--out", used});
  ASSERT_EQ(tool.exit_code, 0) << tool.err;
  auto measured = columns(used, "residual_norm/residual_norm");
  auto exceeds = columns(used, "residual_norm/exceeds");
  double above = 0;
  for (std::size_t i = 0; i < exceeds["exceeds"].size(); ++i) {
    const auto layer = static_cast<std::size_t>(exceeds["layer"][i]);
    EXPECT_EQ(exceeds["exceeds"][i], measured["residual_norm"][i] > thresholds["threshold"][layer])
        << i;
    above += exceeds["exceeds"][i];
  }
  EXPECT_GT(above, 0);
  EXPECT_LT(above, static_cast<double>(exceeds["exceeds"].size()) / 2);

  EXPECT_THAT(recorded(used, "file_sha256"), HasSubstr(sha256_file(learned)));

  const auto wrong =
      lensbench({"tool", "residual_norm", "--plugin-dir", plugins, "--model", kModel, "--prompt",
                 "And", "--quiet", "--set", "thresholds=" + learned + ":results/norms", "--out",
                 root() / "wrong.h5"});
  EXPECT_NE(wrong.exit_code, 0) << wrong.err;
  EXPECT_THAT(wrong.err, HasSubstr("tensor 'threshold' is missing"));
}

TEST_F(ThirdParty, PatchPairsAndAverageByLabel) {
  const fs::path example = fs::path(testing::source_folder()) / "examples" / "pairs_by_label";
  const auto plugins = built(example, root() / "pairs_by_label");
  const std::string archive = root() / "pairs.h5";
  const auto ran = lensbench({"run", "pairs_by_label", "--plugin-dir", plugins, "--model", kModel,
                              "--prompts", example / "pairs.jsonl", "--json", "--out", archive});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto results = json::parse(ran.out)["results"];
  EXPECT_EQ(results["patching"]["variables"]["clean"]["dims"], json({"case_number"}));
  const auto& labels = results["by_label"]["variables"];
  EXPECT_EQ(results["by_label"]["coordinates"]["label"]["data"], json({"place", "speech"}));
  EXPECT_EQ(labels["pairs"]["data"], json({2, 2}));

  // The means once more from the recoveries of the single pairs: places are the last two.
  auto recovery = columns(archive, "patching/recovery");
  std::map<double, double> last_token;
  for (std::size_t i = 0; i < recovery["case"].size(); ++i)
    last_token[recovery["case"][i]] =
        std::max(last_token[recovery["case"][i]], recovery["position"][i]);
  std::map<double, double> sum;  // over both places, by block
  for (std::size_t i = 0; i < recovery["case"].size(); ++i)
    if (recovery["case"][i] >= 2 && recovery["position"][i] == last_token[recovery["case"][i]])
      sum[recovery["block"][i]] += recovery["recovery"][i];
  const auto means = labels["recovery_mean"]["data"].get<std::vector<std::vector<double>>>();
  ASSERT_EQ(sum.size(), means.at(0).size());
  for (std::size_t block = 0; block < sum.size(); ++block)
    EXPECT_NEAR(means[0][block], sum[static_cast<double>(block)] / 2, 1e-9) << block;
}

TEST_F(ThirdParty, LearnFromATextResumeAndUseTheResult) {
  const auto plugins = built(fs::path(testing::source_folder()) / "examples" / "mean_stream",
                             root() / "mean_stream");
  const std::string mean = root() / "mean.h5", text = root() / "corpus.txt";
  std::ofstream(text) << "And God said, Let there be light\nOut of the land of Egypt\n";
  const auto learned = lensbench({"tool", "mean_stream", "--plugin-dir", plugins, "--model", kModel,
                                  "--prompt", "And", "--set", "text=" + text, "--set",
                                  "commit_every=1", "--quiet", "--out", mean});
  ASSERT_EQ(learned.exit_code, 0) << learned.err;

  // The mean once more from the streams that another tool saves for the same texts.
  const std::string streams = root() / "streams.h5";
  ASSERT_EQ(lensbench({"tool", "activations", "--model", kModel, "--prompts", text, "--set",
                       "hooks=blocks.2.hook_resid_post", "--quiet", "--out", streams})
                .exit_code,
            0);
  auto values = columns(streams, "activations/blocks.2.hook_resid_post");
  std::map<double, double> sum;
  std::map<std::pair<double, double>, int> tokens;
  for (std::size_t i = 0; i < values["position"].size(); ++i) {
    if (values["position"][i] == 0) continue;
    sum[values["d_model"][i]] += values["blocks.2.hook_resid_post"][i];
    tokens[{values["case"][i], values["position"][i]}] = 1;
  }
  auto means = columns(mean, "mean_stream/mean");
  ASSERT_FALSE(means["mean"].empty());
  for (std::size_t i = 0; i < means["mean"].size(); ++i) {
    if (means["block"][i] != 2) continue;
    const double mean_of_streams = sum[means["d_model"][i]] / static_cast<double>(tokens.size());
    EXPECT_NEAR(means["mean"][i], mean_of_streams, 1e-5);
  }

  const auto used =
      lensbench({"tool", "mean_cosine", "--plugin-dir", plugins, "--model", kModel, "--prompt",
                 "And God said", "--set", "mean=" + mean + ":results/mean_stream", "--quiet",
                 "--out", root() / "cosine.h5"});
  ASSERT_EQ(used.exit_code, 0) << used.err;
}

TEST_F(ThirdParty, CompareTwoToolsOverPrompts) {
  const auto plugins = built(fs::path(testing::source_folder()) / "examples" / "attention_or_mlp",
                             root() / "attention_or_mlp");
  const std::string archive = root() / "attention_or_mlp.h5";
  const auto ran =
      lensbench({"run", "attention_or_mlp", "--plugin-dir", plugins, "--model", kModel, "--prompts",
                 testing::source_folder() + "/models/prompts.txt", "--json", "--out", archive});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto results = json::parse(ran.out)["results"];
  const auto attention =
      results["answer"]["variables"]["attention"]["data"].get<std::vector<double>>();
  const auto mlp = results["answer"]["variables"]["mlp"]["data"].get<std::vector<double>>();
  ASSERT_GE(mlp.size(), 5U);
  double sum = 0;
  for (std::size_t i = 0; i < mlp.size(); ++i) sum += mlp[i] - attention[i];
  const auto& comparison = results["comparison"]["variables"];
  const double mean = sum / static_cast<double>(mlp.size());
  EXPECT_NEAR(comparison["difference"]["data"].get<double>(), mean, 1e-9);

  // Every sign of every difference flipped: the exact test, as there are few prompts.
  std::size_t extreme = 0;
  for (std::size_t signs = 0; signs < std::size_t{1} << mlp.size(); ++signs) {
    double flipped = 0;
    for (std::size_t i = 0; i < mlp.size(); ++i)
      flipped += (signs >> i & 1) != 0 ? attention[i] - mlp[i] : mlp[i] - attention[i];
    if (std::abs(flipped) >= std::abs(sum) * (1 - 1e-12)) ++extreme;
  }
  EXPECT_NEAR(comparison["p"]["data"].get<double>(),
              static_cast<double>(extreme) / static_cast<double>(std::size_t{1} << mlp.size()),
              1e-12);
}

TEST_F(ThirdParty, BuildTheExampleOfTheReadme) {
  const auto plugins = built(fs::path(testing::source_folder()) / "examples" / "fact_recall",
                             root() / "fact_recall");
  const auto recalled =
      lensbench({"run", "fact_recall", "--plugin-dir", plugins, "--model", kModel, "--prompt",
                 "in the land of", "--json", "--out", root() / "b.h5"});
  ASSERT_EQ(recalled.exit_code, 0) << recalled.err;
  const auto results = json::parse(recalled.out)["results"];
  EXPECT_TRUE(results.contains("lens") && results.contains("attribution"));
}

}  // namespace
}  // namespace lensbench
