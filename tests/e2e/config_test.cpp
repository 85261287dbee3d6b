#include "archive/archive_reader.hpp"
#include "core/files/sha256.hpp"
#include "support/command.hpp"

// Options from a file.

namespace lensbench {
namespace {

// `tool logit_lens` with a config file of this text.
Outcome with_config(const TempDir& folder, const std::string& text,
                    std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"tool",
                                        "logit_lens",
                                        "--out",
                                        folder / "a.h5",
                                        "-q",
                                        "--config",
                                        folder.write("run.ini", text)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return lensbench(arguments);
}

const std::string kGood = "# what every run here has\nmodel = " + kModel +
                          "\nprompt = \" And God said\"\n\n[set]\ntop_k = 3\ntarget = model\n";

TEST(Config, GivesOptionsAndParametersAndTheCommandLineWins) {
  const TempDir folder;
  const auto outcome = with_config(folder, kGood, {"--set", "top_k=2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const ArchiveReader archive(folder / "a.h5");
  EXPECT_EQ(archive.request()["parameters"]["top_k"], "2");
  EXPECT_EQ(archive.request()["parameters"]["target"], "model");
  EXPECT_EQ(archive.cases().at(0).text, " And God said");
}

TEST(Config, IsKeptInTheArchiveWithItsDigest) {
  const TempDir folder;
  ASSERT_EQ(with_config(folder, kGood).exit_code, 0);
  const auto kept = ArchiveReader(folder / "a.h5").run()["config"];
  EXPECT_EQ(kept["file_name"], "run.ini");
  EXPECT_EQ(kept["text"], kGood);
  EXPECT_EQ(kept["sha256"], sha256_hex(kGood));
  EXPECT_EQ(lensbench({"verify", folder / "a.h5"}).exit_code, 0);
}

TEST(Config, AsksTheSameRequestAsTheCommandLine) {
  const TempDir folder;
  ASSERT_EQ(with_config(folder, kGood).exit_code, 0);
  ASSERT_EQ(lensbench({"tool", "logit_lens", "--model", kModel, "--prompt", " And God said",
                       "--set", "top_k=3", "--set", "target=model", "-q", "--out", folder / "b.h5"})
                .exit_code,
            0);
  const ArchiveReader file(folder / "a.h5"), line(folder / "b.h5");
  for (const char* digest : {"recipe_sha256", "results_sha256"})
    EXPECT_EQ(file.attribute(digest), line.attribute(digest)) << digest;
}

TEST(Config, NamesFileLineAndNearestNamesOfWhatItDoesNotKnow) {
  const TempDir folder;
  const auto check = [&](const std::string& text, int code, const auto& matcher) {
    const auto outcome = with_config(folder, text, {"--prompt", "x", "--model", kModel});
    EXPECT_EQ(outcome.exit_code, code) << text;
    EXPECT_THAT(outcome.err, matcher);
  };
  check("\n# first\ndtyp = float32\n", 3,
        AllOf(HasSubstr("run.ini:3"), HasSubstr("'dtyp'"), HasSubstr("did you mean 'dtype'")));
  check("dtype = float31\n", 3, AllOf(HasSubstr("run.ini:1"), HasSubstr("float32")));
  check("seed = 1\nseed = 2\n", 3, AllOf(HasSubstr("run.ini:2"), HasSubstr("twice")));
  check("[set]\ntop_k = 1\ntop_k = 2\n", 3, AllOf(HasSubstr("run.ini:3"), HasSubstr("twice")));
  check("quiet = perhaps\n", 3, AllOf(HasSubstr("run.ini:1"), HasSubstr("true or false")));
  check("just words\n", 3, AllOf(HasSubstr("run.ini:1"), HasSubstr("KEY = VALUE")));
  check("[sett]\ntop_k = 1\n", 3, AllOf(HasSubstr("run.ini:2"), HasSubstr("[set]")));
  check("config = other.ini\n", 3, HasSubstr("run.ini:1"));
  check("[set]\n\ntopk = 1\n", 2, AllOf(HasSubstr("run.ini:3"), HasSubstr("did you mean 'top_k'")));
}

// Boost ends a value at a '#', wherever it is: a prompt would lose its end in silence.
TEST(Config, RefusesACommentThatWouldCutAValue) {
  const TempDir folder;
  const auto outcome = with_config(folder, "prompt = C# is a language\n", {"--model", kModel});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("run.ini:1"), HasSubstr("'#'")));
}

TEST(Config, RefusesWhatIsNoTextFile) {
  const TempDir folder;
  EXPECT_EQ(with_config(folder, std::string("prompt = \xff\xfe\n")).exit_code, 3);
  EXPECT_EQ(with_config(folder, std::string("prompt = a\0b\n", 13)).exit_code, 3);
  EXPECT_EQ(with_config(folder, std::string(2000000, '\n')).exit_code, 3);
  const auto missing = lensbench({"tool", "logit_lens", "--config", folder / "no.ini"});
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.err, HasSubstr("no.ini"));
}

}  // namespace
}  // namespace lensbench
