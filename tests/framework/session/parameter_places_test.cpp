#include "session/parameter_places.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "framework/session/session_fixture.hpp"
#include "session/parameter_files.hpp"
#include "support/error_matchers.hpp"

// Files, folders and models of parameters that were moved or renamed after a run.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::record_of;
using testing::TempDir;
using Values = std::map<std::string, std::string>;

/// A run that read a folder, a model, a list of two models and a file, all in `then`.
class ParameterPlaces : public ::testing::Test {
 protected:
  ParameterPlaces() {
    setenv("HF_HUB_CACHE", (folder_ / "hub").c_str(), 1);
    write("then/fol", "trained");
    write("then/other1", "one");
    write("then/other2", "two");
    folder_.write("then/text.txt", "In the beginning");
    run_.file = "a.h5";
    run_.request["parameters"] = {{"sae", "fol"},
                                  {"other", "other1"},
                                  {"ms", "other1,other2"},
                                  {"reference", "text.txt"},
                                  {"top_k", "3"}};
    record("sae cfg.json", "fol/cfg.json");
    record("other weights", "other1/cfg.json");
    record("ms 1 weights", "other1/cfg.json");
    record("ms 2 weights", "other2/cfg.json");
    record("reference file", "text.txt");
  }
  ~ParameterPlaces() override { unsetenv("HF_HUB_CACHE"); }

  void write(const fs::path& name, const std::string& text) {
    folder_.write(name / "cfg.json", text);
  }
  void record(const std::string& role, const fs::path& name) {
    run_.files.push_back(record_of(role, folder_ / "then" / name));
  }
  std::string then(const std::string& name) const { return folder_ / "then" / name; }

  /// Moves a folder to one where replay does not look.
  std::string move(const std::string& from, const std::string& to) {
    fs::create_directories(folder_ / "now");
    fs::rename(folder_ / "then" / from, folder_ / "now" / to);
    return folder_ / "now" / to;
  }

  Values places(const Values& given = {}) {
    const Values recorded = {{"sae", then("fol")},
                             {"other", then("other1")},
                             {"ms", then("other1") + "," + then("other2")},
                             {"reference", then("text.txt")},
                             {"top_k", "3"}};
    return parameter_places(run_, recorded, given, folder_ / "links",
                            [&](const std::string& warning) { warnings_ += warning; });
  }

  TempDir folder_;
  RecordedRun run_;
  std::string warnings_;
};

TEST_F(ParameterPlaces, AreTheRecordedOnesWhereAllIsAsItWas) {
  const Values found = places();
  EXPECT_EQ(found.at("sae"), then("fol"));
  EXPECT_EQ(found.at("ms"), then("other1") + "," + then("other2"));
  EXPECT_EQ(found.at("top_k"), "3");
  EXPECT_EQ(warnings_, "");
}

TEST_F(ParameterPlaces, OfARenamedFolderHaveItsRecordedName) {
  const auto now = move("fol", "fol2");
  const std::string place = places({{"sae", now}}).at("sae");
  EXPECT_EQ(model_label(place), "fol");
  EXPECT_EQ(fs::canonical(place), fs::canonical(now));
}

TEST_F(ParameterPlaces, OfARenamedFileHaveItsRecordedName) {
  const auto now = move("text.txt", "renamed.txt");
  const fs::path place = places({{"reference", now}}).at("reference");
  EXPECT_EQ(place.filename(), "text.txt");
  EXPECT_EQ(fs::canonical(place), fs::canonical(now));
}

TEST_F(ParameterPlaces, OfARenamedModelHaveItsRecordedNameAlsoInAList) {
  const auto now = move("other1", "elsewhere");
  const Values found = places({{"other", now}, {"ms", now + "," + then("other2")}});
  EXPECT_EQ(model_label(found.at("other")), "other1");
  const std::string list = found.at("ms");
  const std::string first = list.substr(0, list.find(','));
  EXPECT_EQ(model_label(first), "other1");
  EXPECT_EQ(fs::canonical(first), fs::canonical(now));
  EXPECT_EQ(list.substr(list.find(',') + 1), then("other2"));
}

TEST_F(ParameterPlaces, KeepTheNameOfAFolderWithOtherContents) {
  write("now/fol2", "trained again");
  EXPECT_EQ(places({{"sae", folder_ / "now/fol2"}}).at("sae"), folder_ / "now/fol2");
}

TEST_F(ParameterPlaces, OfAModelAreFoundByItsDigestsInANeighbouringFolder) {
  fs::rename(folder_ / "then/other2", folder_ / "then/renamed");
  const std::string list = places().at("ms");
  const std::string second = list.substr(list.find(',') + 1);
  EXPECT_EQ(model_label(second), "other2");
  EXPECT_EQ(fs::canonical(second), fs::canonical(folder_ / "then/renamed"));
  EXPECT_THAT(warnings_, AllOf(HasSubstr("ms: not at " + then("other2")), HasSubstr("renamed")));
}

TEST_F(ParameterPlaces, ThatAreMissingAreNamedWithTheOptionThatGivesThem) {
  const auto now = move("fol", "fol");
  EXPECT_THAT(message_of<InputError>([&] { places(); }),
              AllOf(HasSubstr("a.h5: the folder of parameter 'sae' is not at " + then("fol")),
                    HasSubstr("--file sae=PATH")));
  EXPECT_EQ(places({{"sae", now}}).at("sae"), now);
  const auto model = move("other2", "other2");
  EXPECT_THAT(
      message_of<InputError>([&] {
        places({{"sae", now}});
      }),
      AllOf(HasSubstr("model 2 of parameter 'ms' is not at"), HasSubstr("--file ms=PATH,PATH")));
}

TEST_F(ParameterPlaces, NeverFollowANameOfTheArchiveOutOfTheFolderOfLinks) {
  run_.request["parameters"]["sae"] = "..";
  const auto now = move("fol", "fol2");
  EXPECT_EQ(
      parameter_places(run_, {{"sae", "/"}}, {{"sae", now}}, folder_ / "links", nullptr).at("sae"),
      now);
  EXPECT_FALSE(fs::exists(folder_ / "links"));
}

}  // namespace
}  // namespace lensbench
