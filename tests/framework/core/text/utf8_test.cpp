#include "core/text/utf8.hpp"

#include <gtest/gtest.h>

namespace lensbench {
namespace {

TEST(Utf8, AcceptsEveryLengthOfSequence) {
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("plain"));
  EXPECT_TRUE(is_valid_utf8("\xC2\x80 \xE2\x96\x81 \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF"));
}

// The Unicode standard, section 3.9, table 3-7, says which byte sequences are well-formed.
TEST(Utf8, RejectsOverlongForms) {
  EXPECT_FALSE(is_valid_utf8("\xC0\xAF"));
  EXPECT_FALSE(is_valid_utf8("\xE0\x80\xAF"));
  EXPECT_FALSE(is_valid_utf8("\xF0\x80\x80\xAF"));
}

TEST(Utf8, RejectsSurrogates) {
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
}

TEST(Utf8, RejectsCodePointsAboveTheLast) {
  EXPECT_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));
}

TEST(Utf8, RejectsTruncatedAndStrayBytes) {
  EXPECT_FALSE(is_valid_utf8("\xE2\x96"));
  EXPECT_FALSE(is_valid_utf8("\x80"));
  EXPECT_FALSE(is_valid_utf8("\xFF"));
}

TEST(Utf8, StorableTextHasNoNul) {
  EXPECT_TRUE(is_storable_text("a"));
  EXPECT_FALSE(is_storable_text(std::string("a\0b", 3)));
  EXPECT_TRUE(is_valid_utf8(std::string("a\0b", 3)));
}

TEST(Utf8, ReplacesEachBadByteAndKeepsTheRest) {
  EXPECT_EQ(replace_invalid_utf8("a\xFF\xE2\x96z\xC3\xA9"),
            "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\xC3\xA9");
}

TEST(Utf8, DecodesEveryLengthOfSequence) {
  EXPECT_EQ(code_points("a\xC2\x80\xE2\x96\x81\xF4\x8F\xBF\xBF"),
            (std::u32string{U'a', 0x80, 0x2581, 0x10FFFF}));
}

TEST(Utf8, FindsTheEndOfTheValidPart) {
  EXPECT_EQ(valid_utf8_prefix("a\xC3\xA9\xE2\x96"), 3u);
  EXPECT_EQ(valid_utf8_prefix("a\xC3\xA9"), 3u);
}

}  // namespace
}  // namespace lensbench
