#include "cli/commands/run_arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <lensbench/error.hpp>

#include "cli/commands/resume.hpp"
#include "cli/table/commands.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

// What `run` and `tool` make of their options.

namespace lensbench::cli {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const std::string kHash(64, 'a');

RunArguments given(Arguments more, PluginEntryKind kind = PluginEntryKind::experiment) {
  static const Command command = run_command();
  more.insert(more.begin(), {"first_look", "--model", "m"});
  return run_arguments(kind, Options(command, more));
}

TEST(RunArguments, HaveDefaults) {
  const RunArguments run = given({});
  EXPECT_EQ(run.request.kind, PluginEntryKind::experiment);
  EXPECT_EQ(run.request.name, "first_look");
  EXPECT_EQ(run.request.model, "m");
  EXPECT_EQ(run.request.dtype, "float32");
  EXPECT_EQ(run.request.device, "cpu");
  EXPECT_EQ(run.request.threads, 0);
  EXPECT_EQ(run.request.seed, 0u);
  EXPECT_TRUE(run.request.share);
  EXPECT_FALSE(run.request.profile || run.request.resume);
  EXPECT_FALSE(run.request.plugins.allow_insecure);
  EXPECT_FALSE(run.request.settings.has_value());
  EXPECT_THAT(run.request.set, IsEmpty());
  EXPECT_FALSE(run.quiet || run.json || run.progress_json);
  EXPECT_EQ(run.out, "");
}

TEST(RunArguments, HaveSecondsBetweenCommits) {
  EXPECT_EQ(given({}).request.commit_every_s, 1);
  EXPECT_EQ(given({"--commit-every", "0"}).request.commit_every_s, 0);
  EXPECT_EQ(given({"--commit-every", "2.5"}).request.commit_every_s, 2.5);
  EXPECT_EQ(given({"--commit-every", "10s"}).request.commit_every_s, 10);
  for (const std::string wrong : {"", "s", "-1", "1m", "nan", "inf", "1 s", "1e999"})
    EXPECT_THAT(message_of<UsageError>([&] {
                  given({"--commit-every", wrong});
                }),
                HasSubstr("'" + wrong + "' is not a number of seconds"));
}

TEST(RunArguments, HaveAShardOfTheRun) {
  EXPECT_FALSE(given({}).shard.has_value());
  EXPECT_EQ(given({"--shard", "3/8"}).shard->text(), "3/8");
  EXPECT_THAT(message_of<UsageError>([&] { given({"--shard", "9/8"}); }), HasSubstr("1/8 to 8/8"));
}

TEST(RunArguments, HaveTheCasesOfABlock) {
  EXPECT_EQ(given({}).request.block_cases, 0);
  EXPECT_EQ(given({"--block", "256"}).request.block_cases, 256);
  EXPECT_THAT(message_of<UsageError>([&] {
                given({"--block", "257"});
              }),
              HasSubstr("--block is 257; expected at most 256"));
}

TEST(RunArguments, OfAPlanAreThoseOfItsRun) {
  static const Command plan = plan_command();
  const RunArguments run = run_arguments(
      PluginEntryKind::experiment, Options(plan, {"first_look", "--model", "m", "--out", "a.h5",
                                                  "--seed", "3", "--shards", "2"}));
  EXPECT_EQ(run.request.seed, 3u);
  EXPECT_EQ(run.out, "a.h5");
  EXPECT_FALSE(run.shard.has_value() || run.request.resume || run.progress_json);
}

TEST(RunArguments, AreWhatWasGiven) {
  const RunArguments run =
      given({"--prompt",  "a",        "--prompt",   "b",          "--ids",   "1 2",
             "--prompts", "file",     "--out",      "o.h5",       "--dtype", "bfloat16",
             "--device",  "cuda:1",   "--threads",  "3",          "--seed",  "18446744073709551615",
             "--profile", "--resume", "--no-share", "--progress", "json",    "--json",
             "-q"},
            PluginEntryKind::tool);
  EXPECT_EQ(run.request.kind, PluginEntryKind::tool);
  EXPECT_THAT(run.prompts, ElementsAre("a", "b"));
  EXPECT_THAT(run.ids, ElementsAre("1 2"));
  EXPECT_EQ(run.prompts_file, "file");
  EXPECT_EQ(run.out, "o.h5");
  EXPECT_EQ(run.request.dtype, "bfloat16");
  EXPECT_EQ(run.request.device, "cuda:1");
  EXPECT_EQ(run.request.threads, 3);
  EXPECT_EQ(run.request.seed, 18446744073709551615u);
  EXPECT_TRUE(run.request.profile && run.request.resume);
  EXPECT_FALSE(run.request.share);
  EXPECT_TRUE(run.quiet && run.json && run.progress_json);
}

TEST(RunArguments, HaveThePicturesThatWereGiven) {
  const PictureArguments pictures = given({"--image", "a.png", "--raw-prompt", "x", "--image",
                                           "b.jpg", "--images", "folder", "--answer-prefix", ""})
                                        .pictures;
  EXPECT_THAT(pictures.images, ElementsAre("a.png", "b.jpg"));
  EXPECT_THAT(pictures.raw_prompts, ElementsAre("x"));
  EXPECT_EQ(pictures.folder, "folder");
  EXPECT_EQ(pictures.answer_prefix, "");
  const PictureArguments none = given({"--prompt", "a"}).pictures;
  EXPECT_THAT(none.images, IsEmpty());
  EXPECT_FALSE(none.answer_prefix.has_value());
  EXPECT_EQ(none.folder, "");
}

TEST(RunArguments, KeepPicturesAsASettingOfThem) {
  EXPECT_THAT(given({"--image", "a.png", "--prompt", "a", "--keep-images"}).request.set,
              ElementsAre(Pair("keep_images", "true")));
}

TEST(RunArguments, SplitSettingsAtTheFirstEqualsSign) {
  EXPECT_THAT(given({"--set", "a=1", "--set", "b=x=y", "--set", "c="}).request.set,
              ElementsAre(Pair("a", "1"), Pair("b", "x=y"), Pair("c", "")));
}

TEST(RunArguments, RefuseASettingThatIsNoAssignment) {
  for (const char* text : {"top_k", "=5"})
    EXPECT_THAT(message_of<UsageError>([&] {
                  given({"--set", text});
                }),
                HasSubstr("--set '" + std::string(text) + "' is not KEY=VALUE"));
}

TEST(RunArguments, LetTheCommandLineWinOverSettingsOfTheConfigFile) {
  const TempDir folder;
  const std::string text = "seed = 4\n[set]\ntop_k = 3\ntarget = next\n";
  const std::string file = folder.write("run.ini", text);
  const RunArguments run = given({"--config", file, "--set", "top_k=2"});
  EXPECT_THAT(run.request.set, ElementsAre(Pair("target", "next"), Pair("top_k", "2")));
  EXPECT_EQ(run.request.seed, 4u);
  ASSERT_TRUE(run.request.settings.has_value());
  EXPECT_EQ(run.request.settings->path, file);
  EXPECT_EQ(run.request.settings->text, text);
}

TEST(RunArguments, RefuseMoreThreadsThanThereCanBe) {
  EXPECT_EQ(given({"--threads", "2147483647"}).request.threads, 2147483647);
  EXPECT_THAT(message_of<UsageError>([] {
                given({"--threads", "2147483648"});
              }),
              HasSubstr("--threads is 2147483648"));
}

TEST(RunArguments, TakePinsByHashAndByPath) {
  const auto pins =
      given({"--pin", "lens=" + kHash, "--pin", "probe=lib.so", "--pin", "other=/opt/lib.so"})
          .request.plugins.pins;
  EXPECT_THAT(pins,
              ElementsAre(Pair("lens", kHash), Pair("other", "/opt/lib.so"),
                          Pair("probe", (std::filesystem::current_path() / "lib.so").string())));
}

TEST(RunArguments, RefusePinsThatAreNone) {
  for (const char* text : {"lens", "=lib.so", "lens="})
    EXPECT_THAT(message_of<UsageError>([&] {
                  given({"--pin", text});
                }),
                HasSubstr("--pin '" + std::string(text) + "' is neither"));
  EXPECT_THAT(message_of<UsageError>([] {
                given({"--pin", "a=x.so", "--pin", "a=y.so"});
              }),
              HasSubstr("names 'a' twice"));
}

TEST(RunArguments, SayWherePluginsAreAndWhichMayBeLoaded) {
  const auto search = given({"--plugin-dir", "a", "--plugin-dir", "b", "--plugin-lock", "l",
                             "--allow-insecure-plugins"})
                          .request.plugins;
  EXPECT_THAT(search.dirs, ElementsAre("a", "b"));
  EXPECT_EQ(search.lock, "l");
  EXPECT_TRUE(search.allow_insecure);
}

TEST(RunArguments, ReadInterventionsFromTheirFile) {
  const TempDir folder;
  const std::string file =
      folder.write("changes.json", R"([{"hook": "resid_post", "action": "add", "value": 0.5}])");
  EXPECT_EQ(given({"--interventions", file}).request.interventions.size(), 1u);
  EXPECT_THROW(given({"--interventions", folder / "none.json"}), InputError);
}

std::string resumed(const Arguments& argv, const RunArguments& arguments) {
  return resume_command("run", argv, arguments, "results/a b.h5");
}

TEST(ResumeCommand, IsTheSameCommandWithItsArchiveAndResume) {
  EXPECT_EQ(resumed({"first_look", "--model", "m"}, {}),
            "lensbench run first_look --model m --out 'results/a b.h5' --resume");
}

TEST(ResumeCommand, NamesTheArchiveOnceAndResumesOnce) {
  RunArguments arguments;
  arguments.out = "a.h5";
  EXPECT_EQ(resumed({"x", "--out", "a.h5"}, arguments), "lensbench run x --out a.h5 --resume");
  arguments.request.resume = true;
  EXPECT_EQ(resumed({"x", "--out", "a.h5", "--resume"}, arguments),
            "lensbench run x --out a.h5 --resume");
}

TEST(ResumeCommand, QuotesWhatTheShellWouldTakeApart) {
  RunArguments arguments;
  arguments.out = "a.h5";
  EXPECT_EQ(resumed({"x", "--prompt", "it's $5;", "--ids", "1 2", "--set", "k=a b"}, arguments),
            "lensbench run x --prompt 'it'\\''s $5;' --ids '1 2' --set 'k=a b' --resume");
}

}  // namespace
}  // namespace lensbench::cli
