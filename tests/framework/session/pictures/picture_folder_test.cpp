#include "session/pictures/picture_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using ::testing::Pair;

class PictureFolderTest : public ::testing::Test {
 protected:
  std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const FolderPicture& one : read_picture_folder(folder.path()).pictures)
      found.push_back(one.name);
    return found;
  }
  std::string refusal() {
    return message_of<InputError>([&] { read_picture_folder(folder.path()); });
  }
  testing::TempDir folder;
};

TEST_F(PictureFolderTest, HasItsPicturesSortedByName) {
  for (const char* name : {"b.png", "a.JPG", "c.webp", "d.tiff", ".hidden.png"})
    folder.write(name, "");
  EXPECT_THAT(names(), ElementsAre("a.JPG", "b.png", "c.webp", "d.tiff"));
}

TEST_F(PictureFolderTest, NamesWhatIsLeftOut) {
  folder.write("a.png", "");
  folder.write("notes.txt", "");
  std::filesystem::create_directory(folder / "more.png");
  const PictureFolder found = read_picture_folder(folder.path());
  EXPECT_THAT(found.left_out, ElementsAre("more.png", "notes.txt"));
  EXPECT_EQ(found.pictures.size(), 1u);
}

TEST_F(PictureFolderTest, GivesThePicturesTheirLabels) {
  for (const char* name : {"a.png", "b.png", "c.png"}) folder.write(name, "");
  folder.write("labels.csv", "file,label\r\nb.png,\"one, \"\"two\"\"\"\r\na.png,eye\n\n");
  const PictureFolder found = read_picture_folder(folder.path());
  EXPECT_EQ(found.pictures[0].label, "eye");
  EXPECT_EQ(found.pictures[1].label, "one, \"two\"");
  EXPECT_EQ(found.pictures[2].label, std::nullopt);
  const auto cases = cases_of_folder(found, {"prompt-1", "words", {}, {{"answer_prefix", "An"}}});
  ASSERT_EQ(cases.size(), 3u);
  EXPECT_EQ(cases[1].id, "b.png");
  EXPECT_EQ(cases[1].text, "words");
  EXPECT_THAT(cases[2].fields,
              ElementsAre(Pair("answer_prefix", "An"),
                          Pair("images", "[\"" + (folder / "c.png").string() + "\"]")));
  EXPECT_EQ(cases[0].fields.at("label"), "eye");
}

TEST_F(PictureFolderTest, RefusesLabelsThatDoNotFit) {
  folder.write("a.png", "");
  for (const auto& [text, problem] : std::vector<std::pair<std::string, std::string>>{
           {"name,label\n", "first line file,label"},
           {"file,label\nb.png,x\n", "lacks the picture 'b.png'"},
           {"file,label\na.png,x\na.png,y\n", "'a.png' has two labels"},
           {"file,label\na.png\n", "record 2 has 1 cells"},
           {"file,label\na.png,\"x\n", "not closed"},
           {"file,label\na.png,\xff\n", "UTF-8"}}) {
    folder.write("labels.csv", text);
    EXPECT_THAT(refusal(), AllOf(HasSubstr("labels.csv"), HasSubstr(problem)));
  }
}

TEST_F(PictureFolderTest, HoldsAtLeastOnePicture) {
  EXPECT_THAT(refusal(), HasSubstr("lacks pictures"));
  EXPECT_THAT(message_of<InputError>([&] { read_picture_folder(folder / "none"); }),
              HasSubstr("is not a folder"));
}

}  // namespace
}  // namespace lensbench
