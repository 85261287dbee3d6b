#include <fstream>
#include <iterator>
#include <memory>
#include <regex>
#include <sstream>

#include "support/command.hpp"
#include "support/folders.hpp"

// Figures of an archive: lensbench plot.

namespace lensbench {
namespace {

std::string content_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class PlotCommand : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempDir>();
    std::ofstream(file("prompts.jsonl")) << R"({"text": "In the beginning", "id": "genesis"})"
                                         << "\n"
                                         << R"({"text": " the God of Abraham", "id": "fathers"})"
                                         << "\n";
    const auto made = lensbench({"tool", "logit_lens", "--model", kModel, "--prompts",
                                 file("prompts.jsonl"), "--quiet", "--out", file("lens.h5")});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string file(const std::string& name) { return *folder_ / name; }

  static Outcome plot(const std::string& out, std::vector<std::string> more = {},
                      const std::string& variable = "logit_lens/entropy") {
    std::vector<std::string> words = {"plot", file("lens.h5"), variable, "-o", file(out)};
    words.insert(words.end(), more.begin(), more.end());
    return lensbench(words);
  }

  static std::unique_ptr<TempDir> folder_;
};

std::unique_ptr<TempDir> PlotCommand::folder_;

TEST_F(PlotCommand, WritesAFigureWithItsFacts) {
  const auto outcome = plot("facts.svg");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  const std::string svg = content_of(file("facts.svg"));
  EXPECT_THAT(svg, StartsWith("<svg "));
  const std::string digest =
      json::parse(lensbench({"show", file("lens.h5"), "--json"}).out)["digests"]["results_sha256"];
  EXPECT_THAT(svg, AllOf(HasSubstr("variable: logit_lens/entropy"), HasSubstr("case: genesis"),
                         HasSubstr("results_sha256: " + digest),
                         HasSubstr("command: lensbench plot lens.h5 logit_lens/entropy")));
  // The figure is the same on every machine.
  EXPECT_THAT(svg, Not(HasSubstr(file(""))));
}

TEST_F(PlotCommand, GivesTheSameBytesTwice) {
  ASSERT_EQ(plot("one.svg", {"--width", "170mm"}).exit_code, 0);
  ASSERT_EQ(plot("two.svg", {"--width", "170mm"}).exit_code, 0);
  EXPECT_EQ(content_of(file("one.svg")), content_of(file("two.svg")));
}

TEST_F(PlotCommand, DrawsTheCaseOfTheOption) {
  ASSERT_EQ(plot("case.svg", {"--case", "fathers"}).exit_code, 0);
  EXPECT_THAT(content_of(file("case.svg")), AllOf(HasSubstr("case fathers"), HasSubstr("·Abraham"),
                                                  Not(HasSubstr("·beginning"))));
  const auto unknown = plot("none.svg", {"--case", "father"});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'fathers'"));
}

TEST_F(PlotCommand, OverwritesOnlyWithForce) {
  std::ofstream(file("there.svg")) << "mine";
  const auto refused = plot("there.svg");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--force"));
  EXPECT_EQ(content_of(file("there.svg")), "mine");
  EXPECT_EQ(plot("there.svg", {"--force"}).exit_code, 0);
  EXPECT_THAT(content_of(file("there.svg")), StartsWith("<svg "));
}

TEST_F(PlotCommand, NamesTheNearestVariableAndDataset) {
  const auto variable = plot("x.svg", {}, "logit_lens/entropi");
  EXPECT_EQ(variable.exit_code, 3);
  EXPECT_THAT(variable.err, HasSubstr("did you mean 'entropy'"));
  const auto dataset = plot("x.svg", {}, "logit_len/entropy");
  EXPECT_EQ(dataset.exit_code, 3);
  EXPECT_THAT(dataset.err, HasSubstr("logit_lens"));
  EXPECT_FALSE(fs::exists(file("x.svg")));
}

TEST_F(PlotCommand, RefusesWrongUsageBeforeItReads) {
  EXPECT_EQ(plot("x.jpg").exit_code, 2);
  EXPECT_EQ(plot("x.svg", {}, "entropy").exit_code, 2);
  EXPECT_EQ(plot("x.svg", {"--width", "wide"}).exit_code, 2);
  EXPECT_EQ(plot("x.svg", {"--layers", "4:2"}).exit_code, 2);
  EXPECT_EQ(plot("x.svg", {"--range", "1:0"}).exit_code, 2);
  EXPECT_EQ(plot("x.svg", {"--kind", "pie"}).exit_code, 2);
  EXPECT_EQ(plot("x.svg", {"--palette", "jet"}).exit_code, 2);
}

TEST_F(PlotCommand, MakesNoFigureOfADamagedArchive) {
  std::string bytes = content_of(file("lens.h5"));
  // Values of a result: one bit of the first chunk that the file holds them in.
  const auto changed = lensbench({"verify", file("lens.h5")});
  ASSERT_EQ(changed.exit_code, 0);
  bool refused = false;
  for (std::size_t at = bytes.size() / 2; at < bytes.size() && !refused; at += 997) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    std::ofstream(file("damaged.h5"), std::ios::binary) << damaged;
    if (lensbench({"verify", file("damaged.h5")}).exit_code == 0) continue;
    refused = true;
    const auto outcome =
        lensbench({"plot", file("damaged.h5"), "logit_lens/entropy", "-o", file("damaged.svg")});
    EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("damaged"));
    EXPECT_FALSE(fs::exists(file("damaged.svg")));
  }
  EXPECT_TRUE(refused);
}

TEST_F(PlotCommand, SubtractsAnotherArchive) {
  ASSERT_EQ(plot("same.svg", {"--against", file("lens.h5")}).exit_code, 0);
  EXPECT_THAT(content_of(file("same.svg")), HasSubstr("minus that of lens.h5"));
}

TEST_F(PlotCommand, AFileInAMissingFolderIsRefused) {
  const auto outcome = lensbench(
      {"plot", file("lens.h5"), "logit_lens/entropy", "-o", file("missing/folder/x.svg")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("its folder " + file("missing/folder") + " does not exist"));
  EXPECT_FALSE(fs::exists(file("missing")));
}

/// Texts and number of elements of an SVG: colours may differ between processors in the last digit.
std::vector<std::string> outline(const std::string& svg) {
  std::vector<std::string> found;
  const std::regex element("<([a-z]+)[^>]*>([^<]*)");
  for (std::sregex_iterator it(svg.begin(), svg.end(), element), end; it != end; ++it)
    if ((*it)[1] != "desc") found.push_back((*it)[1].str() + " " + (*it)[2].str());
  return found;
}

// Each figure names the command that made it.
TEST_F(PlotCommand, FiguresOfTheDocumentsAreUpToDate) {
  const fs::path source = testing::source_folder();
  const auto made = lensbench({"run", "prediction_trajectory", "--model", kModel, "--prompts",
                               source / "models/prompts.txt", "--threads", "1", "--quiet", "--out",
                               file("mine.h5")});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  int figures = 0;
  for (const auto& entry : fs::directory_iterator(source / "docs/images")) {
    if (!entry.path().filename().string().starts_with("figure-")) continue;
    const std::string stored = content_of(entry.path());
    std::smatch command;
    ASSERT_TRUE(
        std::regex_search(stored, command, std::regex("command: lensbench (.*)\n?</desc>")));
    std::vector<std::string> words;
    std::istringstream text(command[1]);
    for (std::string word; text >> word;) words.push_back(word);
    ASSERT_EQ(words.at(1), "mine.h5");
    words[1] = file("mine.h5");
    words.insert(words.end(), {"--force", "-o", file("again.svg")});
    const auto again = lensbench(words);
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(outline(content_of(file("again.svg"))), outline(stored))
        << entry.path() << ": scripts/figures writes the figures of this version";
    ++figures;
  }
  EXPECT_EQ(figures, 3);
}

}  // namespace
}  // namespace lensbench
