#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <map>
#include <string>

#include "pictures.hpp"
#include "vision/decode/png_text.hpp"

namespace lensbench::vision {
namespace {

std::string refusal(const std::string& name, std::string_view bytes,
                    const DecodeOptions& options = {}) {
  try {
    decode_picture(bytes, name, options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// A part of the message that says what is wrong. All begin with the file's name.
const std::map<std::string, std::string> kRefusals = {
    {"colour_16_bits_key.png", "16 bits a value and a transparent colour"},
    {"cut_end.jpg", "JPEG data is damaged or cut off (Premature end of JPEG file)"},
    {"cut_lossy.webp", "WebP data is damaged or cut off"},
    {"cut_orientation_1.jpg", "JPEG data is damaged or cut off (Premature end of JPEG file)"},
    {"cut_progressive.jpg", "JPEG data is damaged or cut off (Premature end of JPEG file)"},
    {"cut_rgba.png", "PNG data is damaged or cut off (the file ends early)"},
    {"damaged_key.png", "PNG data is damaged or cut off (tRNS: CRC error)"},
    {"empty.jpg", "the file is empty; give a JPEG, PNG or WebP file"},
    {"grey_16_bits_key.png", "16 bits a value and a transparent colour"},
    {"large.jpg", "65500 x 65500 pixels, more than the 178956970 that are read"},
    {"large.png", "60000 x 60000 pixels, more than the 178956970 that are read"},
    {"long_chunk.png", "PNG data is damaged or cut off (the file ends early)"},
    {"many_scans.jpg", "JPEG data is damaged or cut off (more than 500 scans)"},
    {"no_height.jpg", "JPEG data is damaged or cut off (Empty JPEG image"},
    {"no_width.png", "0 x 10 pixels; give one with pixels"},
    {"picture.bmp",
     "the format is BMP, and only JPEG, PNG and WebP are read; convert it to PNG, for "
     "example with ImageMagick: convert 'picture.bmp[0]' picture.bmp.png"},
    {"picture.gif", "the format is GIF, and only JPEG, PNG and WebP are read"},
    {"picture.heic", "the format is HEIC, and only JPEG, PNG and WebP are read"},
    {"picture.tiff", "the format is TIFF, and only JPEG, PNG and WebP are read"},
    {"text.png", "is not a JPEG, PNG or WebP picture"},
};

TEST(Decode, RefusesWhatItCannotReadAndSaysWhy) {
  for (const auto& [name, reason] : kRefusals) {
    const std::string message = refusal(name, picture_bytes("refused/" + name));
    EXPECT_THAT(message, ::testing::HasSubstr(reason)) << name;
    EXPECT_THAT(message, ::testing::StartsWith(name + ": "));
  }
}

/// Largest address space that this process has had, kB. A process begins with its own at a fork.
std::int64_t peak_address_space() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmPeak:") {
      std::int64_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes;
    }
  return -1;
}

// libpng takes memory for a chunk by the length that it states, here 1.2 GB in a file of 104 bytes.
TEST(Decode, TakesNoMemoryForAChunkThatIsLongerThanItsFile) {
  const std::string bytes = picture_bytes("refused/long_chunk.png");
  EXPECT_EXIT(
      {
        const std::int64_t before = peak_address_space();
        refusal("long_chunk.png", bytes);
        const std::int64_t more = peak_address_space() - before;
        std::exit(before > 0 && more < 500000 ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(Decode, RefusesEveryFileThatIsCutOff) {
  for (const char* name :
       {"grey.jpg", "grey_key.png", "lossless_exif_6.webp", "lossy_alpha.webp"}) {
    const std::string bytes = picture_bytes("pictures/" + std::string(name));
    ASSERT_EQ(refusal(name, bytes), "");
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_NE(refusal(name, bytes.substr(0, size)), "") << name << " after " << size << " bytes";
  }
}

TEST(Decode, AcceptsAsManyPixelsAsAllowed) {
  for (const char* name : {"grey.jpg", "rgba.png", "lossy.webp"}) {
    const std::string bytes = picture_bytes("pictures/" + std::string(name));
    DecodeOptions options;
    const auto [height, width] = decode_picture(bytes, name).stored;
    options.most_pixels = height * width;
    EXPECT_EQ(refusal(name, bytes, options), "");
    --options.most_pixels;
    EXPECT_THAT(refusal(name, bytes, options), ::testing::HasSubstr("make it smaller first"));
  }
}

TEST(Decode, SixteenBitGreyNeedsADecision) {
  const std::string name = "grey_16_bits.png", bytes = picture_bytes("pictures/" + name);
  EXPECT_THAT(refusal(name, bytes), ::testing::HasSubstr("sixteen_bit=scale"));
  const auto pixels = [&](SixteenBit way) {
    return decode_picture(bytes, name, {Alpha::drop, way}).upright.rgb;
  };
  const auto scaled = pixels(SixteenBit::scale), clipped = pixels(SixteenBit::clip);
  // The high bytes of this picture are 0 and 1.
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    EXPECT_LE(scaled[i], 1);
    EXPECT_TRUE(scaled[i] == 0 || clipped[i] == 255);
  }
  EXPECT_THAT(scaled, ::testing::Contains(1));
  EXPECT_THAT(clipped, ::testing::Contains(::testing::AllOf(::testing::Gt(0), ::testing::Lt(255))));
}

TEST(Decode, SaysWhatWasDone) {
  const auto decoded = [](const std::string& name, Alpha alpha) {
    return decode_picture(picture_bytes("pictures/" + name), name, {alpha, SixteenBit::clip});
  };
  EXPECT_TRUE(decoded("rgba.png", Alpha::drop).alpha_dropped);
  EXPECT_FALSE(decoded("rgba.png", Alpha::drop).alpha_blended);
  EXPECT_TRUE(decoded("lossy_alpha.webp", Alpha::white).alpha_blended);
  EXPECT_FALSE(decoded("orientation_1.jpg", Alpha::drop).alpha_dropped);
  EXPECT_TRUE(decoded("colour_key.png", Alpha::drop).key_whitened);
  EXPECT_TRUE(decoded("palette_one_transparent.png", Alpha::drop).key_whitened);
  EXPECT_FALSE(decoded("palette_alphas.png", Alpha::drop).key_whitened);
  EXPECT_TRUE(decoded("grey_16_bits.png", Alpha::drop).sixteen_reduced);
  EXPECT_TRUE(decoded("colour_16_bits.png", Alpha::drop).sixteen_reduced);
  EXPECT_EQ(name_of(decoded("animated.webp", Alpha::drop).format), "WebP");
}

TEST(Decode, KnowsAFormatByItsBytesAlone) {
  EXPECT_EQ(decode_picture(picture_bytes("pictures/grey.jpg"), "grey.png").format,
            PictureFormat::jpeg);
}

TEST(Decode, NamesFormatsThatManyUsersHave) {
  std::string dicom(128, '\0');
  dicom += "DICM";
  EXPECT_THAT(refusal("eye.dcm", dicom), ::testing::HasSubstr("the format is DICOM"));
  EXPECT_THAT(refusal("a.avif", std::string_view("\0\0\0\x1c"
                                                 "ftypavif",
                                                 12)),
              ::testing::HasSubstr("the format is AVIF"));
  EXPECT_THAT(refusal("a b.psd", "8BPS\0"), ::testing::HasSubstr("convert 'a b.psd[0]'"));
}

TEST(Decode, FilesMustBeThere) {
  EXPECT_THROW(read_picture_file("missing.jpg"), InputError);
  const std::string path = ::testing::TempDir() + "lensbench_picture_pointer.jpg";
  std::ofstream(path) << "version https://git-lfs.github.com/spec/v1\noid sha256:" +
                             std::string(64, '0') + "\nsize 12345\n";
  EXPECT_THROW(read_picture_file(path), InputError);
  std::filesystem::remove(path);
}

TEST(Decode, ProfilesInTextMustBeHexadecimal) {
  EXPECT_EQ(raw_profile("\nexif\n 3\n4a4B\n4c"), "JKL");
  EXPECT_EQ(raw_profile("\nexif\n 3\n4a4"), "");
  EXPECT_EQ(raw_profile("\nexif\n 3\n4g"), "");
  EXPECT_EQ(raw_profile("\nexif\n"), "");
}

}  // namespace
}  // namespace lensbench::vision
