// Tools and experiments that others build, from the templates of `lensbench new` and of their own.
#include <algorithm>
#include <fstream>
#include <regex>

#include "archive/archive_reader.hpp"
#include "core/files/sha256.hpp"
#include "third_party_fixture.hpp"

namespace lensbench {
namespace {

using testing::run;

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
  EXPECT_LE(std::count(source.begin(), source.end(), '\n'), 30);
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

  // Its test is one: with other maths it fails.
  replace_in(project / "my_probe.cpp", "norm(2, -1)", "norm(1, -1)");
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
