// Picture files in the archive, for runs with --keep-images, through the command. Bytes are those
// of the files themselves.
#include "session/pictures/kept_pictures.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "archive/archive_reader.hpp"
#include "support/command.hpp"
#include "support/picture_samples.hpp"

namespace lensbench {
namespace {

using testing::picture;

/// Bytes of the picture files of a case in an archive; empty if it does not have them.
std::string bytes_in(const std::string& archive, std::int64_t case_number, std::size_t picture) {
  return kept_picture(ArchiveReader(archive), case_number, picture);
}

class KeptPictures : public ::testing::Test {
 protected:
  KeptPictures() { testing::copy_data(testing::picture_data() + "/pictures", folder / "pictures"); }

  Outcome lens(std::vector<std::string> options) {
    std::vector<std::string> words = {
        "tool", "logit_lens", "--model", testing::picture_model(), "--threads", "1", "--quiet"};
    words.insert(words.end(), options.begin(), options.end());
    return run_into(archive, words);
  }

  TempDir folder;
  const std::string archive = folder / "a.h5";
};

TEST_F(KeptPictures, AreInTheArchiveOnRequestOnly) {
  ASSERT_EQ(lens({"--image", picture("odd.png"), "--prompt", "x"}).exit_code, 0);
  const auto names = ArchiveReader(archive).names();
  EXPECT_EQ(std::count(names.begin(), names.end(), "picture_files"), 0);
  EXPECT_EQ(bytes_in(archive, 0, 0), "");
}

// The two pictures have files of different sizes.
TEST_F(KeptPictures, AreReplayedWithoutTheirFiles) {
  const Outcome outcome =
      lens({"--images", folder / "pictures", "--prompt", "What is it?", "--keep-images"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(bytes_in(archive, 0, 0), testing::slurp(picture("odd.png")));
  EXPECT_EQ(bytes_in(archive, 1, 0), testing::slurp(picture("turned.jpg")));
  fs::remove_all(folder / "pictures");
  const Outcome replay = lensbench({"replay", archive});
  EXPECT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_THAT(replay.out, HasSubstr("identical in every bit"));
}

TEST_F(KeptPictures, OfOneCaseAreOneAfterTheOther) {
  const Outcome outcome = lens({"--image", folder / "pictures/turned.jpg", "--image",
                                folder / "pictures/odd.png", "--prompt", "x", "--keep-images"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(bytes_in(archive, 0, 0), testing::slurp(picture("turned.jpg")));
  EXPECT_EQ(bytes_in(archive, 0, 1), testing::slurp(picture("odd.png")));
  EXPECT_THROW(bytes_in(archive, 0, 2), InputError);
  fs::remove_all(folder / "pictures");
  EXPECT_EQ(lensbench({"replay", archive}).exit_code, 0);
}

TEST_F(KeptPictures, AreNotDrawnAsValues) {
  const Outcome outcome =
      lens({"--images", folder / "pictures", "--prompt", "What is it?", "--keep-images"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Outcome shown = lensbench({"show", archive});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, Not(HasSubstr("file_bytes")));
}

}  // namespace
}  // namespace lensbench
