#include <memory>

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
