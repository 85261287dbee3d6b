#include "checkpoint/weights/safetensors_header.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "framework/checkpoint/weights/safetensors_bytes.hpp"
#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::length_prefix;
using testing::message_of;
using testing::safetensors_bytes;

/// A file that breaks one rule, and what the message must say about it.
struct HostileFile {
  std::string rule, bytes, fault;
};

std::string one_tensor(const std::string& fields) {
  return R"({"w":{)" + fields + "}}";
}

std::string tensor_of_shape(const std::string& shape, int bytes) {
  return one_tensor(R"("dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,)" +
                    std::to_string(bytes) + "]");
}

std::string two_tensors(const std::string& a, const std::string& b) {
  return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}";
}

std::string named(const std::string& name) {
  return "{\"" + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
}

std::vector<HostileFile> frame_faults() {
  const std::string good = tensor_of_shape("[1]", 4);
  return {
      {"ShorterThanItsLength", "1234567",
       "7 bytes, too short for a safetensors file; copy or download it again"},
      {"Empty", "", "too short"},
      {"NoHeader", safetensors_bytes("", 0), "header is empty"},
      {"HeaderOverCap", length_prefix(100'000'001) + good, "at most 100000000 are allowed"},
      {"HeaderBeyondFile", length_prefix(good.size() + 5) + good + "1234",
       "follow; copy or download it again"},
      {"LengthNear2To64", length_prefix(~0ULL) + good, "at most 100000000 are allowed"},
      {"ByteOrderMark", safetensors_bytes("\xef\xbb\xbf" + good, 4), "begin with '{'"},
      {"LeadingSpace", safetensors_bytes(" " + good, 4), "begin with '{'"},
      {"TrailingText", safetensors_bytes(good + "x", 4), "not valid JSON"},
      {"TrailingObject", safetensors_bytes(good + good, 4), "not valid JSON"},
      {"TextBehindNul", safetensors_bytes(good + std::string(1, '\0') + "x", 4), "NUL byte"},
      {"Unfinished", safetensors_bytes(good.substr(0, good.size() - 1), 4), "not valid JSON"},
      {"NotUtf8", safetensors_bytes(named("\xff"), 1), "not valid JSON"},
      {"OverlongUtf8", safetensors_bytes(named("\xc0\xaf"), 1), "not valid JSON"},
      {"LoneSurrogate", safetensors_bytes(named("\\ud800"), 1), "not valid JSON"},
      {"Nested100000Deep", safetensors_bytes("{\"w\":" + std::string(100'000, '['), 0),
       "tensor 'w': expected an object, found an array"},
  };
}

std::vector<HostileFile> structure_faults() {
  const std::string w = R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  return {
      {"TensorTwice", safetensors_bytes("{" + w + "," + w + "}", 1), "'w': described twice"},
      {"TensorTwiceEscaped",
       safetensors_bytes("{" + w + R"(,"\u0077":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                         1),
       "'w': described twice"},
      {"FieldTwice",
       safetensors_bytes(
           one_tensor(R"("dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1])"), 1),
       "duplicate field \"dtype\""},
      {"MetadataTwice", safetensors_bytes(R"({"__metadata__":{},"__metadata__":{}})", 0),
       "described twice"},
      {"MetadataKeyTwice", safetensors_bytes(R"({"__metadata__":{"a":"1","a":"2"}})", 0),
       "duplicate field \"a\""},
      {"MetadataNotStrings", safetensors_bytes(R"({"__metadata__":{"a":1}})", 0),
       "expected a string"},
      {"MetadataIsTensor",
       safetensors_bytes(R"({"__metadata__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
       "expected a string"},
      {"TensorIsNumber", safetensors_bytes(R"({"w":1})", 0), "'w': expected an object, found 1"},
      {"TensorIsNull", safetensors_bytes(R"({"w":null})", 0),
       "'w': expected an object, found null"},
      {"UnknownField",
       safetensors_bytes(one_tensor(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1)"), 1),
       "unknown field \"x\""},
      {"NoDtype", safetensors_bytes(one_tensor(R"("shape":[1],"data_offsets":[0,1])"), 1),
       "field \"dtype\" is missing"},
      {"NoShape", safetensors_bytes(one_tensor(R"("dtype":"U8","data_offsets":[0,1])"), 1),
       "field \"shape\" is missing"},
      {"NoOffsets", safetensors_bytes(one_tensor(R"("dtype":"U8","shape":[1])"), 1),
       "field \"data_offsets\" is missing"},
      {"EmptyName", safetensors_bytes(named(""), 1), "invalid tensor name ''"},
      {"LongName", safetensors_bytes(named(std::string(513, 'n')), 1), "1 to 512 bytes"},
      {"NameWithNul", safetensors_bytes(named("a\\u0000b"), 1), "a\\x00b"},
      {"NameLeavesFolder", safetensors_bytes(named("a/../b"), 1), "'/..'"},
  };
}

std::vector<HostileFile> value_faults() {
  const auto offsets = [](const std::string& list) {
    return safetensors_bytes(one_tensor(R"("dtype":"U8","shape":[1],"data_offsets":)" + list), 1);
  };
  return {
      {"UnknownDtype",
       safetensors_bytes(one_tensor(R"("dtype":"F33","shape":[1],"data_offsets":[0,1])"), 1),
       "dtype \"F33\" is not supported"},
      {"SubByteDtype",
       safetensors_bytes(one_tensor(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])"), 1),
       "need 12 bits, which are not whole bytes"},
      {"UnreadableDtypeOfOtherSize",
       safetensors_bytes(one_tensor(R"("dtype":"U16","shape":[2],"data_offsets":[0,3])"), 3),
       "span 3 bytes, but its dtype and shape need 4"},
      {"DtypeIsNumber",
       safetensors_bytes(one_tensor(R"("dtype":4,"shape":[1],"data_offsets":[0,1])"), 1),
       "dtype: expected a string, found 4"},
      {"NumberAsString", offsets(R"([0,"1"])"), "2^53, found \"1\""},
      {"NumberAsFloat", offsets("[0,1.0]"), "2^53, found 1.0"},
      {"NumberWithExponent", offsets("[0,1e3]"), "2^53, found 1e3"},
      {"Negative", offsets("[-1,1]"), "2^53, found -1"},
      {"NegativeZero", offsets("[-0,1]"), "2^53, found"},
      {"Beyond2To53", offsets("[0,9007199254740993]"), "2^53, found 9007199254740993"},
      {"Beyond2To64", offsets("[0,18446744073709551617]"), "expected whole numbers"},
      {"OneOffset", offsets("[1]"), "1 numbers; expected begin and end"},
      {"ThreeOffsets", offsets("[0,1,1]"), "more than 2 numbers"},
      {"NestedShape", safetensors_bytes(tensor_of_shape("[[1]]", 4), 4), "2^53, found an array"},
      {"RankNine", safetensors_bytes(tensor_of_shape("[1,1,1,1,1,1,1,1,1]", 4), 4),
       "more than 8 numbers"},
      // 4194305 * 4194305 * 211106198978564 = 4 modulo 2^64
      {"ShapeProductWraps",
       safetensors_bytes(tensor_of_shape("[4194305,4194305,211106198978564]", 16), 16),
       "too many elements for 64-bit sizes"},
      // 2^31 * 2^31 elements fit into 64 bits, their 4 bytes each do not.
      {"ByteCountWraps", safetensors_bytes(tensor_of_shape("[2147483648,2147483648]", 0), 0),
       "too many elements for 64-bit sizes"},
      {"SizeMismatch", safetensors_bytes(tensor_of_shape("[2]", 4), 4),
       "span 4 bytes, but its dtype and shape need 8"},
  };
}

std::vector<HostileFile> layout_faults() {
  return {
      {"BeginAfterEnd",
       safetensors_bytes(one_tensor(R"("dtype":"U8","shape":[0],"data_offsets":[1,0])"), 1),
       "after its end"},
      {"EndBeyondData", safetensors_bytes(tensor_of_shape("[2]", 8), 4), "'w': ends at byte 8"},
      {"Overlap", safetensors_bytes(two_tensors("[0,4]", "[2,6]"), 6),
       "'b': begins at byte 2, inside"},
      {"SameBytesTwice", safetensors_bytes(two_tensors("[0,4]", "[0,4]"), 4), "inside another"},
      {"Gap", safetensors_bytes(two_tensors("[0,4]", "[5,9]"), 9),
       "'b': begins at byte 5, after a gap"},
      {"FirstNotAtZero", safetensors_bytes(two_tensors("[1,5]", "[5,9]"), 9), "after a gap"},
      {"TailBehindData", safetensors_bytes(two_tensors("[0,4]", "[4,8]"), 9),
       "1 bytes follow the last tensor"},
      {"EmptyTensorInsideAnother",
       safetensors_bytes(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                         R"("e":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
                         4),
       "'e': begins at byte 2, inside"},
  };
}

class HostileSafetensors : public ::testing::TestWithParam<HostileFile> {};

TEST_P(HostileSafetensors, IsRefusedWithOneSentenceNamingFileAndFault) {
  const auto message = message_of<InputError>(
      [] { parse_safetensors_header(GetParam().bytes, "dir/model.safetensors"); });
  EXPECT_THAT(message, HasSubstr("dir/model.safetensors: "));
  EXPECT_THAT(message, HasSubstr(GetParam().fault));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

const auto rule_name = [](const auto& item) { return item.param.rule; };
INSTANTIATE_TEST_SUITE_P(Frame, HostileSafetensors, ::testing::ValuesIn(frame_faults()), rule_name);
INSTANTIATE_TEST_SUITE_P(Structure, HostileSafetensors, ::testing::ValuesIn(structure_faults()),
                         rule_name);
INSTANTIATE_TEST_SUITE_P(Value, HostileSafetensors, ::testing::ValuesIn(value_faults()), rule_name);
INSTANTIATE_TEST_SUITE_P(Layout, HostileSafetensors, ::testing::ValuesIn(layout_faults()),
                         rule_name);

TEST(SafetensorsHeader, RefusesMoreThanAHundredThousandTensors) {
  std::string header = "{";
  for (int i = 0; i <= 100'000; ++i)
    header += (i ? ",\"" : "\"") + std::to_string(i) +
              R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_THAT(message_of<InputError>(
                  [&] { parse_safetensors_header(safetensors_bytes(header + "}", 0), "many"); }),
              HasSubstr("more than 100000 tensors"));
}

TEST(SafetensorsHeader, ReadsNamesTypesShapesAndMetadata) {
  const auto header = parse_safetensors_header(
      safetensors_bytes(R"({"__metadata__":{"format":"pt"},)"
                        R"("w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}   )",
                        12),
      "file");
  ASSERT_EQ(header.tensors.size(), 1U);
  const auto& entry = header.tensors.at("w");
  EXPECT_EQ(entry.dtype, at::kBFloat16);
  EXPECT_EQ(entry.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

TEST(SafetensorsHeader, KeepsTheWordOfATypeThatCannotBeRead) {
  // Words and widths of safetensors 0.8.
  const std::vector<std::tuple<std::string, int, int>> types = {
      {"F8_E4M3", 3, 3},     {"F8_E5M2", 3, 3}, {"F8_E8M0", 3, 3}, {"F8_E4M3FNUZ", 3, 3},
      {"F8_E5M2FNUZ", 3, 3}, {"F6_E2M3", 4, 3}, {"F6_E3M2", 4, 3}, {"F4", 6, 3},
      {"U16", 3, 6},         {"U32", 3, 12},    {"U64", 3, 24},    {"C64", 3, 24}};
  for (const auto& [word, elements, bytes] : types) {
    const auto header = parse_safetensors_header(
        safetensors_bytes(
            one_tensor("\"dtype\":\"" + word + "\",\"shape\":[" + std::to_string(elements) +
                       "],\"data_offsets\":[0," + std::to_string(bytes) + "]"),
            static_cast<std::size_t>(bytes)),
        "file");
    ASSERT_EQ(header.tensors.size(), 1U);
    EXPECT_EQ(header.tensors.begin()->second.unreadable_type, word);
    EXPECT_EQ(safetensors_dtype(header.tensors.begin()->second), word);
  }
}

TEST(SafetensorsHeader, AllowsAnEmptyTensorBetweenTwoOthers) {
  const auto header = parse_safetensors_header(
      safetensors_bytes(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                        R"("e":{"dtype":"U8","shape":[0,9],"data_offsets":[4,4]},)"
                        R"("b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})",
                        5),
      "file");
  EXPECT_EQ(header.tensors.size(), 3U);
}

TEST(SafetensorsHeader, AllowsAFileWithoutTensors) {
  EXPECT_TRUE(parse_safetensors_header(safetensors_bytes("{}", 0), "file").tensors.empty());
}

}  // namespace
}  // namespace lensbench
