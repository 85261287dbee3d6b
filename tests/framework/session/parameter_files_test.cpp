#include "session/parameter_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "framework/session/session_fixture.hpp"
#include "support/embedded_model.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::sha256sum;

constexpr ParameterSpec kFiles[] = {
    {"lens", ParameterType::file, "", "", "a lens"},
    {"sae", ParameterType::file, "", "", "a folder", "cfg.json|weights.safetensors"},
    {"others", ParameterType::models, "", "", "other models"},
    {"top_k", ParameterType::integer, "3", "", "a number"},
};

class ParameterFiles : public ::testing::Test {
 protected:
  static Parameters given(const Settings& settings) {
    return Parameters::resolve(kFiles, settings, "tool 'reader'");
  }
  testing::TempDir folder_;
};

TEST_F(ParameterFiles, AreRecordedByNameAndDigest) {
  const auto file = folder_.write("lens.safetensors", "weights");
  const auto records = parameter_file_records(given({{"lens", file}}));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].role, "lens file");
  EXPECT_EQ(records[0].name, "lens.safetensors");
  EXPECT_EQ(records[0].sha256, sha256sum(file));
}

TEST_F(ParameterFiles, KeepTheDatasetThatIsMeantInAnArchive) {
  const std::string file = folder_.write("old.h5", "an archive");
  const auto parameters = given({{"lens", file + ":results/translators"}});
  EXPECT_EQ(parameter_file_records(parameters)[0].name, "old.h5:results/translators");
  EXPECT_EQ(portable_values(parameters).at("lens"), "old.h5:results/translators");
  EXPECT_EQ(path_values(parameters).at("lens"), file + ":results/translators");
}

TEST_F(ParameterFiles, OfAFolderAreThoseThatTheToolNames) {
  folder_.write("sae/cfg.json", "{}");
  folder_.write("sae/weights.safetensors", "weights");
  folder_.write("sae/notes.txt", "not read");
  const auto records = parameter_file_records(given({{"sae", folder_ / "sae"}}));
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].role, "sae cfg.json");
  EXPECT_EQ(records[1].name, "weights.safetensors");
}

TEST_F(ParameterFiles, ThatAreMissingAreNamedWithTheParameter) {
  EXPECT_THAT(message_of<InputError>([&] {
                parameter_file_records(given({{"lens", folder_ / "none"}}));
              }),
              AllOf(HasSubstr("tool 'reader': parameter 'lens'"), HasSubstr("does not exist")));
  folder_.write("sae/cfg.json", "{}");
  EXPECT_THAT(message_of<InputError>([&] {
                parameter_file_records(given({{"sae", folder_ / "sae"}}));
              }),
              HasSubstr("lacks the file 'weights.safetensors'"));
  EXPECT_THAT(message_of<InputError>([&] {
                parameter_file_records(given({{"lens", folder_.path()}}));
              }),
              HasSubstr("is a folder; give the path of a file"));
  EXPECT_THAT(message_of<InputError>([&] {
                parameter_file_records(given({{"lens", "/dev/zero"}}));
              }),
              HasSubstr("is not a regular file"));
}

TEST_F(ParameterFiles, OfAMissingModelAreNamedWithTheParameter) {
  const std::string none = folder_ / "none";
  for (const std::string& value : {none, testing::kModel + "," + none})
    EXPECT_THAT(message_of<InputError>([&] {
                  parameter_file_records(given({{"others", value}}));
                }),
                AllOf(HasSubstr("tool 'reader': parameter 'others': "),
                      HasSubstr("none: model directory not found")));
}

TEST_F(ParameterFiles, OfAListOfModelsAreNumbered) {
  const auto parameters =
      given({{"others", testing::kModel + "," + testing::kModel + "/checkpoints/step-400"}});
  std::set<std::string> roles;
  for (const auto& record : parameter_file_records(parameters)) roles.insert(record.role);
  EXPECT_TRUE(roles.contains("others 1 config"));
  EXPECT_TRUE(roles.contains("others 2 config"));
  EXPECT_EQ(portable_values(parameters).at("others"), "kjv-gpt2,step-400");
}

TEST_F(ParameterFiles, AreAllThatChangesBetweenMachines) {
  const auto file = folder_.write("lens.safetensors", "weights");
  const auto parameters = given({{"lens", file}});
  EXPECT_EQ(portable_values(parameters).at("top_k"), "3");
  EXPECT_EQ(portable_values(parameters).at("lens"), "lens.safetensors");
  EXPECT_EQ(path_values(parameters).size(), 1u);
}

}  // namespace
}  // namespace lensbench
