#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <lensbench/parameters.hpp>

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr ParameterSpec kSpecs[] = {
    {"top_k", ParameterType::integer, "10", "1", ""},
    {"temperature", ParameterType::number, "0.5", "1", ""},
    {"norm", ParameterType::boolean, "true", "", ""},
    {"target", ParameterType::text, "next", "", ""},
    {"points", ParameterType::list, "resid_post", "", ""},
};

Parameters resolve(const std::map<std::string, std::string>& given) {
  return Parameters::resolve(kSpecs, given, "tool 'lens'");
}

TEST(Parameters, ResolveDefaults) {
  const auto parameters = resolve({});
  EXPECT_EQ(parameters.integer("top_k"), 10);
  EXPECT_EQ(parameters.number("temperature"), 0.5);
  EXPECT_TRUE(parameters.boolean("norm"));
  EXPECT_EQ(parameters.text("target"), "next");
  EXPECT_EQ(parameters.values().size(), 5u);
}

TEST(Parameters, SplitListsAtCommas) {
  EXPECT_THAT(resolve({{"points", " resid_pre , mlp_out,,"}}).list("points"),
              ElementsAre("resid_pre", "mlp_out"));
  EXPECT_THAT(resolve({{"points", "0.5, 2,1e-3"}}).numbers("points"), ElementsAre(0.5, 2, 1e-3));
  EXPECT_THROW(resolve({{"points", "0.5, hot"}}).numbers("points"), UsageError);
}

TEST(Parameters, SuggestTheNearestNameForAnUnknownOne) {
  try {
    resolve({{"topk", "3"}});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.exit_code(), 2);
    EXPECT_THAT(error.what(),
                HasSubstr("tool 'lens': unknown parameter 'topk'; did you mean 'top_k'"));
  }
}

TEST(Parameters, RefuseValuesOfAnotherType) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"top_k", "3.5"}, {"temperature", "nan"}, {"norm", "maybe"}})
    EXPECT_THROW(resolve({{name, value}}), UsageError) << name;
  EXPECT_THROW(resolve({{"top_k", ""}}), UsageError);
  EXPECT_THROW(resolve({{"top_k", "99999999999999999999"}}), UsageError);
}

TEST(Parameters, SpellBooleansOneWay) {
  EXPECT_EQ(resolve({{"norm", "off"}}).values().at("norm"), "false");
  EXPECT_EQ(resolve({{"norm", "1"}}).values().at("norm"), "true");
}

TEST(Parameters, RefuseToReadOneAsAnotherType) {
  EXPECT_THROW(resolve({}).integer("norm"), UsageError);
  EXPECT_THROW(resolve({}).text("missing"), UsageError);
}

}  // namespace
}  // namespace lensbench
