#include "core/text/json_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::message_of;

template <class Read>
std::string fault(const json& value, Read read) {
  return message_of<InputError>([&] { read(JsonReader(value, "a.json")); });
}

TEST(JsonReader, ReadsValuesOfEveryKind) {
  const json value = {{"text", "x"},   {"flag", true},   {"count", 3},           {"ratio", 0.5},
                      {"ids", {1, 2}}, {"names", {"a"}}, {"character", "\u2581"}};
  const JsonReader reader(value, "a.json");
  EXPECT_EQ(reader.at("text").string(), "x");
  EXPECT_TRUE(reader.at("flag").boolean());
  EXPECT_EQ(reader.at("count").integer({0, 3}), 3);
  EXPECT_EQ(reader.at("count").number(), 3.0);
  EXPECT_EQ(reader.at("ratio").number({0, 1}), 0.5);
  EXPECT_EQ(reader.at("ids").integers(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(reader.at("ids").numbers(), (std::vector<double>{1, 2}));
  EXPECT_EQ(reader.at("names").strings(), (std::vector<std::string>{"a"}));
  EXPECT_EQ(reader.at("character").character(), U'\u2581');
  EXPECT_FALSE(reader.boolean_or("absent", false));
}

TEST(JsonReader, TakesNullForMissing) {
  const json value = {{"a", nullptr}};
  const JsonReader reader(value, "a.json");
  EXPECT_FALSE(reader.find("a"));
  EXPECT_FALSE(reader.find("b"));
  EXPECT_EQ(fault(value, [](const JsonReader& r) { r.at("a", "a string"); }),
            "a.json: field a: is missing; expected a string");
}

TEST(JsonReader, NamesFileFieldExpectedAndFound) {
  const json value = {{"model", {{"merges", {"a b", 7}}}}};
  EXPECT_EQ(fault(value, [](const JsonReader& r) { r.at("model").at("merges").strings(); }),
            "a.json: field model.merges[1]: expected a string, found 7");
  EXPECT_EQ(fault(value, [](const JsonReader& r) { r.at("model").size(); }),
            "a.json: field model: expected a list, found {\"merges\":[\"a b\",7]}");
  EXPECT_EQ(fault(7, [](const JsonReader& r) { r.find("a"); }),
            "a.json: expected an object, found 7");
}

TEST(JsonReader, KeepsIntegersInTheirRange) {
  const auto expected = HasSubstr("expected a whole number from 0 to 9, found ");
  for (const json& value : {json(-1), json(10), json(1.0), json(18446744073709551615u), json("1")})
    EXPECT_THAT(fault(value, [](const JsonReader& r) { r.integer({0, 9}); }), expected);
  EXPECT_THAT(fault(18446744073709551615u, [](const JsonReader& r) { r.integer(); }),
              HasSubstr("expected a whole number, found 18446744073709551615"));
}

TEST(JsonReader, TakesOneCharacterAlone) {
  for (const char* text : {"", "ab"})
    EXPECT_THAT(fault(text, [](const JsonReader& r) { r.character(); }),
                HasSubstr("expected one character"));
}

TEST(JsonReader, ShortensWhatItFound) {
  const auto message = fault(std::string(1000, 'x'), [](const JsonReader& r) { r.boolean(); });
  EXPECT_LT(message.size(), 150u);
}

TEST(JsonReader, OutlivesTheNameItWasGiven) {
  const json value = {{"a", 1}};
  const auto field = [&] { return JsonReader(value, std::string("gone.json")).at("a"); }();
  EXPECT_EQ(message_of<InputError>([&] { field.string(); }),
            "gone.json: field a: expected a string, found 1");
}

}  // namespace
}  // namespace lensbench
