// Every seed and every input that once broke a fuzz target of pictures (tests/fuzz), read again. A
// target ends the process when it finds a fault; to return is to pass.
#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/orientation_target.hpp"
#include "fuzz/picture_target.hpp"
#include "fuzz/preprocessor_target.hpp"
#include "pictures.hpp"

namespace lensbench::vision {
namespace {

void read_again(const std::string& folder, void (*target)(std::string_view)) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::data_folder() + "/" + folder)) {
    SCOPED_TRACE(entry.path().string());
    target(read_picture_file(entry.path()));
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(FuzzRegression, PicturesAreDecodedOrRefused) {
  read_again("vision/pictures", fuzz::decode_picture);
  read_again("vision/refused", fuzz::decode_picture);
  // Only there after a fault was found.
  if (std::filesystem::exists(testing::data_folder() + "/fuzz/picture"))
    read_again("fuzz/picture", fuzz::decode_picture);
}

TEST(FuzzRegression, OrientationsAreRead) {
  read_again("fuzz/orientation", fuzz::read_orientation);
}

TEST(FuzzRegression, PreprocessorsAreReadOrRefused) {
  read_again("fuzz/preprocessor", fuzz::read_preprocessor);
}

}  // namespace
}  // namespace lensbench::vision
