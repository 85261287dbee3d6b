#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "archive/archive_reader.hpp"
#include "core/files/sha256.hpp"
#include "support/command.hpp"
#include "support/csv.hpp"
#include "support/folders.hpp"

// Tools and experiments built by strangers: outside this tree, against an installed lensbench that
// was moved after it was installed.

namespace lensbench {
namespace {

using testing::run;

class ThirdParty : public ::testing::Test {
 protected:
  // Always at the same place, so that a compiler's cache knows the sources again; each half of the
  // tests has its own.
  static fs::path root() {
    const char* half = std::getenv("GTEST_SHARD_INDEX");
    return fs::path(testing::build_folder()) / "third-party" / (half == nullptr ? "all" : half);
  }
  static std::string prefix() { return root() / "moved"; }

  static void SetUpTestSuite() {
    fs::remove_all(root());
    fs::create_directories(root());
    const auto installed = run({testing::cmake_program(), "--install", testing::build_folder(),
                                "--prefix", (root() / "prefix").string()});
    ASSERT_EQ(installed.exit_code, 0) << installed.err;
    fs::rename(root() / "prefix", prefix());
    setenv("CMAKE_GENERATOR", "Ninja", 1);
    setenv("CXX", testing::cxx_compiler().c_str(), 1);
    setenv("CXXFLAGS", testing::cxx_flags().c_str(), 1);
    if (run({"/bin/sh", "-c", "command -v ccache"}).exit_code == 0)
      setenv("CMAKE_CXX_COMPILER_LAUNCHER", "ccache", 1);
  }

  static Outcome lensbench(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), prefix() + "/bin/lensbench");
    return run(arguments);
  }

  static Outcome configure(const fs::path& source, const fs::path& build) {
    return run({testing::cmake_program(), "-S", source.string(), "-B", build.string(),
                "-DCMAKE_BUILD_TYPE=Release",
                "-DCMAKE_PREFIX_PATH=" + prefix() + ";" + testing::prefix_path()});
  }

  // The folder of the plug-in that a project builds; empty if it does not build.
  static fs::path built(const fs::path& source, const fs::path& build) {
    for (const auto& outcome :
         {configure(source, build), run({testing::cmake_program(), "--build", build.string()})})
      if (outcome.exit_code != 0) {
        ADD_FAILURE() << outcome.out << outcome.err;
        return {};
      }
    return build / "lib" / "lensbench" / "plugins";
  }

  static Outcome ctest(const fs::path& build) {
    const auto program = fs::path(testing::cmake_program()).parent_path() / "ctest";
    return run({program.string(), "--test-dir", build.string(), "--output-on-failure"});
  }

  static void replace_in(const fs::path& file, const std::string& what, const std::string& by) {
    std::string text = testing::slurp(file);
    const auto at = text.find(what);
    ASSERT_NE(at, std::string::npos) << file;
    std::ofstream(file) << text.replace(at, what.size(), by);
  }

  // What the HDF5 tools find in the recipe of an archive.
  static std::string recorded(const std::string& archive, const std::string& name) {
    return run({"/usr/bin/h5dump", "-d", "/recipe/" + name, archive}).out;
  }

  // Columns of a variable as `lensbench export` writes it.
  static std::map<std::string, std::vector<double>> columns(const std::string& archive,
                                                            const std::string& variable) {
    const auto exported = lensbench({"export", archive, variable, "--format", "csv"});
    EXPECT_EQ(exported.exit_code, 0) << exported.err;
    std::istringstream lines(exported.out);
    std::string line;
    std::getline(lines, line);
    const auto names = testing::csv_fields(line);
    std::map<std::string, std::vector<double>> result;
    while (std::getline(lines, line)) {
      const auto fields = testing::csv_fields(line);
      for (std::size_t i = 0; i < names.size(); ++i)
        result[names[i]].push_back(std::strtod(fields.at(i).c_str(), nullptr));
    }
    return result;
  }
};

TEST_F(ThirdParty, FindAWholeTreeThatNamesNoFolderOfTheBuild) {
  const fs::path tree = prefix();
  for (const char* path :
       {"bin/lensbench", "lib/liblensbench.so", "lib/liblensbench.so.1",
        "lib/lensbench/plugins/logit_lens.so", "include/lensbench/plugin.hpp",
        "include/lensbench/tools/logit_lens.hpp", "lib/cmake/lensbench/lensbenchConfig.cmake",
        "lib/cmake/lensbench/lensbenchConfigVersion.cmake", "share/doc/lensbench/README.md",
        "share/man/man1/lensbench.1", "share/bash-completion/completions/lensbench",
        "share/zsh/vendor-completions/_lensbench", "share/doc/lensbench/copyright",
        "share/doc/lensbench/docs/writing-a-tool.md",
        "share/doc/lensbench/examples/residual_norm/residual_norm.cpp"})
    EXPECT_TRUE(fs::exists(tree / path)) << path;
  const auto dynamic = run({"/usr/bin/readelf", "-d", tree / "lib/liblensbench.so"});
  EXPECT_THAT(dynamic.out, HasSubstr("soname: [liblensbench.so.1]"));

  for (const auto& entry : fs::recursive_directory_iterator(tree)) {
    if (!entry.is_regular_file()) continue;
    const auto bytes = testing::slurp(entry.path());
    EXPECT_EQ(bytes.find(testing::build_folder()), std::string::npos) << entry.path();
    EXPECT_EQ(bytes.find(testing::source_folder() + "/"), std::string::npos) << entry.path();
  }
}

TEST_F(ThirdParty, GetAToolThatBuildsLoadsAndPassesItsTestAtOnce) {
  const fs::path project = root() / "my_probe";
  const auto written = lensbench({"new", "tool", "my_probe", "--dir", project});
  ASSERT_EQ(written.exit_code, 0) << written.err;
  EXPECT_THAT(written.err, AllOf(HasSubstr("cmake -B build -DCMAKE_PREFIX_PATH=" + prefix()),
                                 HasSubstr("ctest --test-dir build")));
  const auto source = testing::slurp(project / "my_probe.cpp");
  EXPECT_LE(std::count(source.begin(), source.end(), '\n'), 37);
  const auto plugins = built(project, project / "build");
  const auto tested = ctest(project / "build");
  EXPECT_EQ(tested.exit_code, 0) << tested.out;

  const std::string archive = root() / "my_probe.h5";
  const auto ran = lensbench({"tool", "my_probe", "--plugin-dir", plugins, "--model", kModel,
                              "--prompt", "And God said", "--json", "--out", archive});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(json::parse(ran.out)["results"]["my_probe"]["dims"]["component"], 12);
  EXPECT_THAT(recorded(archive, "plugin_sha256"), HasSubstr(sha256_file(plugins / "my_probe.so")));
  EXPECT_EQ(lensbench({"verify", archive}).exit_code, 0);
  EXPECT_THAT(lensbench({"show", archive}).out,
              AllOf(HasSubstr("component down, token across"), HasSubstr("Smallest ")))
      << "a heat map";

  // What it was asked is in its result, whoever asks: a typed call ends in the same function.
  const std::string asked = root() / "my_probe_asked.h5";
  ASSERT_EQ(lensbench({"tool", "my_probe", "--plugin-dir", plugins, "--model", kModel, "--prompt",
                       "And God said", "--set", "order=1", "--quiet", "--out", asked})
                .exit_code,
            0);
  for (const auto& [file, order] : {std::pair(archive, 2.0), std::pair(asked, 1.0)})
    EXPECT_EQ(ArchiveReader(file).read("my_probe").attributes.at("order"), Attribute(order));

  // Its test is one: with other maths it fails.
  replace_in(project / "my_probe.cpp", "norm(order, -1)", "norm(order + 1, -1)");
  built(project, project / "build");
  const auto wrong = ctest(project / "build");
  EXPECT_NE(wrong.exit_code, 0);
  EXPECT_THAT(wrong.out, HasSubstr("expected"));
}

// Its claim, that longer outputs matter more, is wrong on a model that was built to show it: a head
// of ten times the length of the others has no effect.
TEST_F(ThirdParty, HaveTheirToolGradedByTheClaimInItsResult) {
  const fs::path project = root() / "my_claim", planted = root() / "planted";
  ASSERT_EQ(lensbench({"new", "tool", "my_claim", "--dir", project}).exit_code, 0);
  const auto plugins = built(project, project / "build");
  ASSERT_EQ(lensbench({"plant", "induction", "--out", planted}).exit_code, 0);
  const auto graded = lensbench({"grade", "my_claim", "--plugin-dir", plugins, "--models", planted,
                                 "--quick", "--json", "--floor", "importance:auroc=0.99"});
  EXPECT_EQ(graded.exit_code, 1) << graded.err;
  EXPECT_THAT(graded.err, HasSubstr("importance:auroc"));
  const json row = json::parse(graded.out.substr(0, graded.out.find('\n')));
  EXPECT_EQ(row["tool"], "my_claim");
  EXPECT_EQ(row["claim"], "importance");
  EXPECT_EQ(row["metric"], "auroc");
  EXPECT_EQ(row["status"], "scored");
  EXPECT_LT(row["value"].get<double>(), 0.99);
}

TEST_F(ThirdParty, HaveAllFilesOfTheirToolInTheArchiveAsTheyWereBuilt) {
  const fs::path project = root() / "parted";
  ASSERT_EQ(lensbench({"new", "tool", "parted", "--dir", project}).exit_code, 0);
  std::ofstream(project / "parts.hpp") << "#include \"more.hpp\"\n";
  replace_in(project / "parted.cpp", "#include <lensbench/plugin.hpp>",
             "#include <lensbench/plugin.hpp>\n\n#include \"parts.hpp\"");
  int runs = 0;
  for (const std::string text : {"// as it was first\n", "// changed alone\n"}) {
    std::ofstream(project / "more.hpp") << text;
    const auto plugins = built(project, project / "build");
    const std::string archive = root() / ("parted" + std::to_string(runs++) + ".h5");
    const auto ran = lensbench({"tool", "parted", "--plugin-dir", plugins, "--model", kModel,
                                "--prompt", "And God said", "--quiet", "--out", archive});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ArchiveReader(archive).recipe()["plugin_source"].strings,
              (std::vector<std::string>{
                  "// file: parted.cpp\n" + testing::slurp(project / "parted.cpp") +
                  "// file: parts.hpp\n#include \"more.hpp\"\n// file: more.hpp\n" + text}));
  }
}

TEST_F(ThirdParty, GetAnExperimentThatBuildsLoadsAndPassesItsTestAtOnce) {
  const fs::path project = root() / "my_question";
  const auto written = lensbench({"new", "experiment", "my_question", "--dir", project});
  ASSERT_EQ(written.exit_code, 0) << written.err;
  const auto plugins = built(project, project / "build");
  const auto tested = ctest(project / "build");
  EXPECT_EQ(tested.exit_code, 0) << tested.out;

  const std::string archive = root() / "my_question.h5";
  const auto ran =
      lensbench({"run", "my_question", "--plugin-dir", plugins, "--model", kModel, "--prompt",
                 "And God said", "--prompt", "In the beginning", "--json", "--out", archive});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_TRUE(json::parse(ran.out)["results"]["uncertainty"]["variables"].contains("entropy_mean"));
  EXPECT_THAT(recorded(archive, "plugin_sha256"),
              HasSubstr(sha256_file(plugins / "my_question.so")));

  replace_in(project / "my_question.cpp", "select(1, -1)", "select(1, 0)");
  built(project, project / "build");
  EXPECT_NE(ctest(project / "build").exit_code, 0);
}

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

TEST_F(ThirdParty, AreToldWhatIsWrongWithTheirProject) {
  const std::pair<std::string, std::string> mistakes[] = {
      {"find_package(lensbench 2 REQUIRED)", "version: 1.0.0"},
      {"find_package(lensbench 1 REQUIRED)\nlensbench_add_tool(probe probe.cpp)",
       "lensbench_add_tool(probe SOURCES probe.cpp)"},
      {"find_package(lensbench 1 REQUIRED)\nlensbench_add_experiment(probe)",
       "'probe': SOURCES are missing"},
      {"find_package(lensbench 1 REQUIRED)\nlensbench_add_tool(My-Probe SOURCES probe.cpp)",
       "'My-Probe' is not a valid name of a plug-in"}};
  const fs::path project = root() / "mistake";
  fs::create_directories(project);
  for (const auto& [text, message] : mistakes) {
    std::ofstream(project / "CMakeLists.txt")
        << "cmake_minimum_required(VERSION 3.25)\nproject(mistake CXX)\n"
        << text << "\n";
    const auto outcome = configure(project, project / "build");
    EXPECT_NE(outcome.exit_code, 0) << text;
    EXPECT_THAT(std::regex_replace(outcome.err, std::regex("\\s+"), " "), HasSubstr(message))
        << text;
  }
}

}  // namespace
}  // namespace lensbench
