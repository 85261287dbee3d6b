#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "framework/report/page/page_reader.hpp"
#include "support/command.hpp"
#include "support/file_size_limit.hpp"

// The command `report`: where it writes, what it refuses, and its exit codes.

namespace lensbench {
namespace {

class ReportCommand : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    made_ = std::make_unique<TempDir>();
    const auto outcome = run_into(*made_ / "mine.h5", {"tool", "logit_lens", "--model", kModel,
                                                       "--prompt", "In the beginning", "--quiet"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  static void TearDownTestSuite() { made_.reset(); }

  ReportCommand() { fs::copy_file(*made_ / "mine.h5", archive()); }
  std::string archive() const { return folder_ / "mine.h5"; }
  std::string page() const { return folder_ / "mine.html"; }

  const TempDir folder_;
  static std::unique_ptr<TempDir> made_;
};

std::unique_ptr<TempDir> ReportCommand::made_;

TEST_F(ReportCommand, WritesBesideTheArchiveAndNeverOverwrites) {
  const auto outcome = lensbench({"report", archive()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string first = testing::slurp(page());
  EXPECT_THAT(outcome.out, HasSubstr("mine.html: " + std::to_string(first.size()) + " bytes"));
  const testing::PageReader read(first);
  EXPECT_EQ(read.index()["archives"][0]["model"], "kjv-gpt2");
  const auto again = lensbench({"report", archive()});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("--force"));
  EXPECT_EQ(lensbench({"report", archive(), "--force"}).exit_code, 0);
  EXPECT_EQ(testing::slurp(page()), first);
}

TEST_F(ReportCommand, RefusesADamagedArchive) {
  std::string bytes = testing::slurp(archive());
  // Somewhere in the middle, where the values are.
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(archive(), std::ios::binary) << bytes;
  const auto outcome = lensbench({"report", archive()});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  EXPECT_FALSE(fs::exists(page()));
  EXPECT_EQ(lensbench({"report", folder_ / "missing.h5"}).exit_code, 3);
}

TEST_F(ReportCommand, NamesTheNearestCase) {
  const auto outcome = lensbench({"report", archive(), "--case", "promt-1"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean 'prompt-1'?"));
  EXPECT_FALSE(fs::exists(page()));
}

TEST_F(ReportCommand, PassesItsOptionsToThePage) {
  const auto outcome = lensbench({"report", archive(), "--case", "prompt-1", "--top-k", "2",
                                  "--title", "Two ranks", "-o", page()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const testing::PageReader read(testing::slurp(page()));
  const json& one = read.index()["archives"][0];
  EXPECT_EQ(one["title"], "Two ranks");
  EXPECT_EQ(one["cases"]["chosen"], json::array({0}));
  EXPECT_EQ(read.variable("logit_lens", "top_id")["parts"][0]["shape"][2], 2);
}

/// What the notes of a page say and its commands, in which `file` takes the place of the name.
std::vector<std::vector<std::string>> commands_of_notes(const std::string& page,
                                                        const std::string& file) {
  const testing::PageReader read(testing::slurp(page));
  std::vector<std::vector<std::string>> commands;
  for (const json& note : read.index()["left_out"]) {
    std::istringstream words(note["command"].get<std::string>());
    commands.emplace_back();
    for (std::string word; words >> word;)
      commands.back().push_back(word == "mine.h5" ? file : word);
  }
  return commands;
}

TEST_F(ReportCommand, NamesCommandsThatShowWhatIsLeftOut) {
  std::string prompt;
  for (int i = 0; i < 60; ++i) prompt += " the God of Abraham";
  ASSERT_EQ(run_into(folder_ / "long/mine.h5",
                     {"tool", "logit_lens", "--model", kModel, "--prompt", prompt, "--quiet"})
                .exit_code,
            0);
  const std::string file = folder_ / "long/mine.h5", small = folder_ / "small.html";
  ASSERT_EQ(lensbench({"report", file, "-o", page()}).exit_code, 0);
  std::vector<std::vector<std::string>> commands;
  // Pictures may go before, which makes room for data.
  for (std::size_t k = 1; k <= 4 && commands.size() < 2; ++k) {
    const auto most = std::to_string(fs::file_size(page()) - 20'000 * k);
    const auto outcome = lensbench({"report", file, "-o", small, "--max-bytes", most, "--force"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    commands = commands_of_notes(small, file);
  }
  ASSERT_GE(commands.size(), 2U);
  for (auto& command : commands) {
    ASSERT_EQ(command.front(), "lensbench");
    command.erase(command.begin());
    if (command.front() == "report") command.insert(command.end(), {"-o", small, "--force"});
    const auto outcome = lensbench(command);
    EXPECT_EQ(outcome.exit_code, 0)
        << command.front() << " " << command.back() << ": " << outcome.err;
    EXPECT_FALSE(outcome.out.empty());
  }
}

TEST_F(ReportCommand, RefusesSizesThatAreNone) {
  for (const char* size : {"2X", "0", "-1", "M", "9G"})
    EXPECT_EQ(lensbench({"report", archive(), std::string("--max-bytes=") + size}).exit_code, 2)
        << size;
}

TEST_F(ReportCommand, LeavesNothingOnAFullDisk) {
  Outcome outcome;
  {
    const testing::FileSizeLimit limit(4096);
    outcome = lensbench({"report", archive()});
  }
  EXPECT_EQ(outcome.exit_code, 5) << outcome.err;
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    EXPECT_EQ(entry.path().filename().string().find("html"), std::string::npos) << entry.path();
}

TEST_F(ReportCommand, ComparesTwoArchives) {
  const auto outcome = lensbench({"report", archive(), archive(), "-o", page()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(testing::PageReader(testing::slurp(page())).index()["comparison"]["verdict"], "equal");
}

}  // namespace
}  // namespace lensbench
