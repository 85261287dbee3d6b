#include "core/text/json.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <lensbench/error.hpp>
#include <limits>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

TEST(Json, ReadsAnObject) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2.5, "x"]})", "text")["a"][1], 2.5);
}

TEST(Json, RejectsADuplicateKeyAlsoWhenEscaped) {
  EXPECT_THROW(parse_json(R"({"a": 1, "a": 2})", "text"), InputError);
  EXPECT_THROW(parse_json(R"({"a": 1, "\u0061": 2})", "text"), InputError);
  EXPECT_THROW(parse_json(R"([{"b": {"a": 1, "a": 2}}])", "text"), InputError);
}

TEST(Json, AcceptsTheSameKeyInDifferentObjects) {
  EXPECT_NO_THROW(parse_json(R"({"a": {"a": 1}, "b": {"a": 1}})", "text"));
}

TEST(Json, RejectsDeepNestingWithoutCrashing) {
  EXPECT_THROW(parse_json(std::string(100000, '['), "text"), InputError);
}

TEST(Json, RejectsTruncatedTextAndTrailingText) {
  EXPECT_THROW(parse_json(R"({"a": )", "text"), InputError);
  EXPECT_THROW(parse_json("{} {}", "text"), InputError);
  EXPECT_THROW(parse_json("", "text"), InputError);
}

TEST(Json, RejectsInvalidUtf8) {
  EXPECT_THROW(parse_json("\"\xFF\"", "text"), InputError);
}

TEST(Json, RejectsNumbersBeyondDouble) {
  EXPECT_THROW(parse_json("1e999", "text"), InputError);
}

TEST(Json, RejectsTextBeyondTheLimit) {
  EXPECT_THROW(parse_json("[1, 2, 3]", "text", {.max_bytes = 4}), InputError);
}

TEST(Json, NamesTheSubjectInItsMessages) {
  try {
    parse_json("{", "config.json");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("config.json", 0), 0u) << error.what();
  }
}

TEST(Json, SaysInWordsWhereATextOfSeveralLinesIsWrong) {
  const auto fault = [](const char* text) {
    return testing::message_of<InputError>([&] { parse_json(text, "a.json"); });
  };
  EXPECT_EQ(fault("{\n\"a\": 1,\n  }"),
            "a.json: not valid JSON: '}' at line 3, column 3 is not expected there; check commas, "
            "quotation marks and brackets");
  EXPECT_EQ(fault("{\u201ca\u201d: 1}"),
            "a.json: not valid JSON: '\u201c' at byte 2 is not expected there; check commas, "
            "quotation marks and brackets");
  EXPECT_EQ(fault("[1,\nNaN]"),
            "a.json: not valid JSON: NaN at line 2, column 1, which JSON does not have; write a "
            "finite number or null");
}

TEST(Json, ReadsAFileAndRefusesOneThatIsMissingOrTooLarge) {
  const testing::TempDir folder;
  std::ofstream(folder / "a.json") << R"({"n": 3})";
  EXPECT_EQ(read_json(folder / "a.json")["n"], 3);
  EXPECT_THROW(read_json(folder / "a.json", {.max_bytes = 2}), InputError);
  EXPECT_THROW(read_json(folder / "b.json"), InputError);
  EXPECT_THROW(read_json(folder.path()), InputError);
}

TEST(CanonicalJson, SortsKeysAndLeavesNoBlanks) {
  EXPECT_EQ(canonical_json(nlohmann::json{{"b", {1, 2}}, {"a", "x"}}), R"({"a":"x","b":[1,2]})");
}

TEST(CanonicalJson, WritesTheShortestNumberThatReadsBack) {
  EXPECT_EQ(canonical_json(0.1), "0.1");
  EXPECT_EQ(canonical_json(1e-5), "1e-05");
}

TEST(CanonicalJson, RefusesWhatJsonCannotHold) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THROW(canonical_json(std::numeric_limits<double>::quiet_NaN()), UsageError);
  EXPECT_THROW(canonical_json(nlohmann::json{{"a", {1.0, infinity}}}), UsageError);
  EXPECT_THROW(canonical_json("\xFF"), UsageError);
}

}  // namespace
}  // namespace lensbench
