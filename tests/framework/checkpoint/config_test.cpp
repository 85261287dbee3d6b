#include "checkpoint/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::message_of;

const std::filesystem::path kFile = "dir/config.json";

TEST(ConfigReader, ReadsTypedFields) {
  const auto config =
      json::parse(R"({"n_layer":12,"eps":1e-6,"tied":true,"act":"gelu","list":[1,2.5]})");
  const ConfigReader reader(config, kFile);
  EXPECT_EQ(reader.integer("n_layer"), 12);
  EXPECT_EQ(reader.number("eps"), 1e-6);
  EXPECT_TRUE(reader.boolean("tied"));
  EXPECT_EQ(reader.string("act"), "gelu");
  EXPECT_EQ(reader.numbers("list"), (std::vector<double>{1, 2.5}));
}

TEST(ConfigReader, TakesNullForAbsent) {
  const auto config = json::parse(R"({"n_inner":null})");
  const ConfigReader reader(config, kFile);
  EXPECT_FALSE(reader.has("n_inner"));
  EXPECT_EQ(reader.integer_or("n_inner", 64), 64);
  EXPECT_FALSE(reader.object("n_inner"));
}

TEST(ConfigReader, NamesAMissingField) {
  const auto config = json::object();
  EXPECT_THAT(message_of<InputError>([&] { ConfigReader(config, kFile).integer("n_layer"); }),
              HasSubstr("dir/config.json: field n_layer: is missing; expected a whole number"));
}

TEST(ConfigReader, ReadsOneIdOrAList) {
  const auto config = json::parse(R"({"one":2,"many":[2,3]})");
  const ConfigReader reader(config, kFile);
  EXPECT_EQ(reader.integer_or_integers("one", {0, 10}), (std::vector<std::int64_t>{2}));
  EXPECT_EQ(reader.integer_or_integers("many", {0, 10}), (std::vector<std::int64_t>{2, 3}));
  EXPECT_TRUE(reader.integer_or_integers("none", {0, 10}).empty());
}

struct WrongValue {
  std::string name, value;
};
const auto case_name = [](const auto& item) { return item.param.name; };

class NotADimension : public ::testing::TestWithParam<WrongValue> {};

TEST_P(NotADimension, IsRefusedNamingFileFieldFoundAndExpected) {
  const auto config = json::parse("{\"hidden_size\":" + GetParam().value + "}");
  const auto message =
      message_of<InputError>([&] { ConfigReader(config, kFile).integer("hidden_size"); });
  EXPECT_THAT(message, HasSubstr("dir/config.json: field hidden_size: expected a whole number from "
                                 "1 to 16777216, found "));
}

INSTANTIATE_TEST_SUITE_P(ConfigReader, NotADimension,
                         ::testing::Values(WrongValue{"Zero", "0"}, WrongValue{"Negative", "-8"},
                                           WrongValue{"Huge", "16777217"},
                                           WrongValue{"BeyondSigned", "18446744073709551615"},
                                           WrongValue{"BeyondUnsigned", "18446744073709551616"},
                                           WrongValue{"Fraction", "8.5"},
                                           WrongValue{"Float", "8.0"},
                                           WrongValue{"String", "\"8\""},
                                           WrongValue{"Boolean", "true"},
                                           WrongValue{"List", "[8]"}),
                         case_name);

class NotPositive : public ::testing::TestWithParam<WrongValue> {};

TEST_P(NotPositive, IsRefused) {
  const auto config = json::parse("{\"rope_theta\":" + GetParam().value + "}");
  EXPECT_THAT(
      message_of<InputError>([&] { ConfigReader(config, kFile).number("rope_theta", kPositive); }),
      HasSubstr("field rope_theta: expected a number from "));
}

INSTANTIATE_TEST_SUITE_P(ConfigReader, NotPositive,
                         ::testing::Values(WrongValue{"Zero", "0"}, WrongValue{"Negative", "-1e4"},
                                           WrongValue{"Text", "\"1e4\""},
                                           WrongValue{"Boolean", "false"}),
                         case_name);

TEST(ConfigReader, RefusesANumberThatIsNotOne) {
  const json config = {{"eps", std::numeric_limits<double>::quiet_NaN()}};
  EXPECT_THROW(ConfigReader(config, kFile).number("eps"), InputError);
}

TEST(ConfigReader, NamesAFieldOfAnInnerObject) {
  const auto config = json::parse(R"({"rope_scaling":{"factor":"two"}})");
  const auto inner = ConfigReader(config, kFile).object("rope_scaling");
  ASSERT_TRUE(inner);
  EXPECT_THAT(message_of<InputError>([&] { inner->number("factor"); }),
              HasSubstr("field rope_scaling.factor: expected a number, found \"two\""));
}

TEST(ConfigReader, RefusesASettingThatWouldChangeTheComputation) {
  const auto config = json::parse(R"({"scale_by_layer":true,"pretraining_tp":1})");
  const ConfigReader reader(config, kFile);
  reader.require_absent_or("pretraining_tp", 1);
  reader.require_absent_or("not_there", false);
  EXPECT_THAT(
      message_of<InputError>([&] { reader.require_absent_or("scale_by_layer", false); }),
      HasSubstr("dir/config.json: field scale_by_layer: expected false, the only value this "
                "model family supports, found true"));
}

TEST(ConfigReader, KeepsControlCharactersOutOfMessages) {
  const json config = {{"act", "a\x1b[31m"}};
  EXPECT_EQ(
      message_of<InputError>([&] { ConfigReader(config, kFile).integer("act"); }).find('\x1b'),
      std::string::npos);
}

}  // namespace
}  // namespace lensbench
