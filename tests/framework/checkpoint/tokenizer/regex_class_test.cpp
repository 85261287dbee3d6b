// Classes in brackets of the regular expressions of tokenizer files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "checkpoint/tokenizer/splitting/pattern.hpp"
#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

constexpr std::string_view kText = "abcdefgxyz-\t\n 19一㔀/.+,é";

/// The characters of `kText` that are members of a class.
std::string members(const std::string& regex) {
  const nlohmann::json pattern = {{"Regex", regex}};
  std::string found;
  read_pattern(JsonReader(pattern, "t.json"))->find_all(kText, [&](Span match) {
    found += kText.substr(match.begin, match.end - match.begin);
  });
  return found;
}

std::string refusal_of_class(const std::string& regex) {
  return message_of<InputError>([&] { members(regex); });
}

struct ClassCase {
  std::string regex, members;
};

// The members are those that the Python package tokenizers 0.23.3 (Oniguruma) finds:
// pre_tokenizers.Split(Regex(...), "removed") of each character.
TEST(RegexClass, HasTheMembersThatOnigurumaGivesIt) {
  const std::vector<ClassCase> cases = {
      {"[[ab]-一]", "ab-一"},
      {"[[ab]-c]", "abc-"},
      {"[x[ab]-一]", "abx-一"},
      {"[[[ab]]-一]", "ab-一"},
      {"[x-z[ab]-e]", "abexyz-"},
      {"[[ab]c-e-g]", "abcdeg-"},
      {"[[ab]-c-e]", "abcde-"},
      {"[[ab]-]", "ab-"},
      {"[[ab]--]", "ab-"},
      {"[[ab]--z]", "abcdefgxyz-19/."},
      {"[[ab]-\\d]", "ab-19"},
      {"[[ab]-\\n]", "ab-\n"},
      {"[[ab]-[cd]]", "abcd-"},
      {"[[ab]\\--z]", "abcdefgxyz-19/."},
      {"[\\s\\--z]", "abcdefgxyz-\t\n 19/."},
      {"[\\s-]", "-\t\n "},
      {"[-\\s]", "-\t\n "},
      {"[\\p{L}-]", "abcdefgxyz-一㔀é"},
      {"[a-c-e]", "abce-"},
      {"[a-c-e-g]", "abcefg-"},
      {"[a-c--z]", "abcdefgxyz-19/."},
      {"[a-c-\\d]", "abc-19"},
      {"[a-c-[x]]", "abcx-"},
      {"[+--]", "-+,"},
      {"[+-\\--z]", "z-+,"},
      {"[---z]", "z-"},
      {"[--a]", "a-19/."},
      {"[\\n-a]", "a-\n 19/.+,"},
      {"[-]", "-"},
      {"[a-]", "a-"},
  };
  for (const ClassCase& one : cases) {
    std::string given;
    // In the order of the text, whatever the order in the table.
    for (std::size_t i = 0; i < kText.size();) {
      const std::size_t length = (kText[i] & 0x80) == 0 ? 1 : (kText[i] & 0x20) == 0 ? 2 : 3;
      const std::string_view character = kText.substr(i, length);
      if (one.members.find(character) != std::string::npos) given += character;
      i += length;
    }
    EXPECT_EQ(members(one.regex), given) << one.regex;
  }
}

TEST(RegexClass, IsRefusedWithARangeThatStartsWithAClass) {
  for (const char* regex : {"[\\s-一]", "[\\d-一]", "[\\p{L}-一]", "[\\P{L}-z]", "[\\p{Han}-z]",
                            "[a-c\\s-z]", "[\\s--]", "[\\s-[cd]]"})
    EXPECT_THAT(refusal_of_class(regex), HasSubstr("a range that starts with a class")) << regex;
}

// Oniguruma refuses the first three; of `[a-[bc]]` it drops the a.
TEST(RegexClass, IsRefusedWithARangeThatEndsWithAClass) {
  for (const char* regex : {"[a-\\d]", "[a-\\s]", "[a-\\p{L}]", "[a-[bc]]", "[--[z]]"})
    EXPECT_THAT(refusal_of_class(regex), HasSubstr("a range that ends with a class")) << regex;
}

TEST(RegexClass, IsRefusedWithARangeThatEndsBeforeItsStart) {
  for (const char* regex : {"[c-a]", "[a--]", "[a-\\-]", "[a-\\n]"})
    EXPECT_THAT(refusal_of_class(regex), HasSubstr("a range that ends before its start")) << regex;
}

TEST(RegexClass, IsRefusedIfItIsNestedDeeply) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + "a" + std::string(depth, ']');
  };
  EXPECT_EQ(members(nested(16)), "a");
  for (const std::size_t depth : {17, 5'000'000})
    EXPECT_THAT(refusal_of_class(nested(depth)), HasSubstr("more than 16 nested classes"));
  EXPECT_LT(refusal_of_class(nested(5'000'000)).size(), 500u);
}

TEST(RegexClass, IsRefusedWithoutItsEnd) {
  for (const char* regex : {"[", "[a", "[a-", "[a-\\", "[[a]", "[[a]-"})
    EXPECT_THAT(refusal_of_class(regex), HasSubstr("is not supported")) << regex;
}

}  // namespace
}  // namespace lensbench
