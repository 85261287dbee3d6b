#include "session/find_model.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "framework/session/session_fixture.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using testing::record_of;
using testing::TempDir;

/// A folder with two models of files of equal sizes, and what an archive says of the first. The
/// local hub cache is empty.
class FindModel : public ::testing::Test {
 protected:
  FindModel() {
    write_model("here/first", "weights");
    write_model("here/second", "WEIGHTS");
    files = {record_of("config", first() / "config.json"),
             record_of("weights", first() / "model.safetensors")};
    setenv("HF_HUB_CACHE", (folder / "hub").c_str(), 1);
  }
  ~FindModel() override { unsetenv("HF_HUB_CACHE"); }

  void write_model(const fs::path& name, const std::string& weights) {
    folder.write(name / "config.json", "{}");
    folder.write(name / "model.safetensors", weights);
  }
  fs::path first() const { return folder / "here/first"; }

  TempDir folder;
  std::vector<FileRecord> files;
};

TEST_F(FindModel, TakesTheRecordedFolderIfFilesOfThoseSizesAreThere) {
  EXPECT_EQ(find_model(files, first()), first());
  // Whether they are the same is for the comparison of the recipe to say.
  EXPECT_EQ(find_model(files, folder / "here/second"), folder / "here/second");
}

TEST_F(FindModel, LooksBesideTheRecordedFolderForFilesOfTheSameBytes) {
  EXPECT_EQ(find_model(files, folder / "here/gone"), first());
  EXPECT_EQ(find_model(files, folder / "here/gone/"), first());
}

TEST_F(FindModel, TakesNoOtherBytesForTheModel) {
  write_model("here/first", "another");
  EXPECT_EQ(find_model(files, folder / "here/gone"), std::nullopt);
  fs::remove(first() / "config.json");
  EXPECT_EQ(find_model(files, folder / "here/gone"), std::nullopt);
}

TEST_F(FindModel, LooksInNoOtherFolder) {
  EXPECT_EQ(find_model(files, folder / "elsewhere/gone"), std::nullopt);
  EXPECT_EQ(find_model(files, ""), std::nullopt);
}

TEST_F(FindModel, LooksInTheLocalHubCache) {
  const fs::path snapshot = "hub/models--org--name/snapshots/0123456789abcdef";
  write_model(snapshot, "weights");
  EXPECT_EQ(find_model(files, folder / "elsewhere/gone"), folder.path() / snapshot);
}

TEST_F(FindModel, NeedsNoFilesOfPromptsAndOfOtherModels) {
  files.push_back({"prompts", "prompts.txt", std::string(64, 'a'), 5});
  files.push_back({"other weights", "model.safetensors", std::string(64, 'b'), 500});
  EXPECT_EQ(find_model(files, folder / "here/gone"), first());
}

TEST_F(FindModel, ReadsNothingAboveAFolderThatAnArchiveNames) {
  files.push_back({"weights", "../second/model.safetensors", std::string(64, 'a'), 7});
  EXPECT_EQ(find_model(files, folder / "here/gone"), first());
}

TEST_F(FindModel, FindsNothingByNoFiles) {
  EXPECT_EQ(find_model({}, first()), std::nullopt);
  EXPECT_EQ(find_model({{"prompts", "prompts.txt", std::string(64, 'a'), 5}}, first()),
            std::nullopt);
}

}  // namespace
}  // namespace lensbench
