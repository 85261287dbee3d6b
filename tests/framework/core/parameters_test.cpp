#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <lensbench/parameters.hpp>

#include "core/parameters/parameter_problem.hpp"
#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;

constexpr ParameterSpec kSpecs[] = {
    {"top_k", ParameterType::integer, "10", "1", "", "[1, inf)"},
    {"temperature", ParameterType::number, "0.5", "1", ""},
    {"nucleus", ParameterType::number, "0.9", "1", "", "(0, 1]"},
    {"norm", ParameterType::boolean, "true", "", ""},
    {"text", ParameterType::text, "next", "", ""},
    {"names", ParameterType::texts, "resid_post", "", ""},
    {"temperatures", ParameterType::numbers, "", "", "", "[0, inf)"},
    {"layers", ParameterType::integers, "", "", ""},
    {"store", ParameterType::choice, "float32", "", "", "float32|float16"},
    {"kinds", ParameterType::choices, "zero,mean", "", "", "zero|mean"},
    {"target", ParameterType::token, "model", "", "", "model|next"},
    {"limit", ParameterType::integer, "", "", "", "[0, 5)"},
    {"points", ParameterType::choices, "q", "", "", "+q|k"},
    {"shares", ParameterType::numbers, "1", "", "", "+(0, 1]"},
    {"hooks", ParameterType::hooks, "embed", "", "", "+"},
};

Parameters resolve(const Settings& given) {
  return Parameters::resolve(kSpecs, given, "tool 'lens'");
}

std::string refusal(const Settings& given) {
  return message_of<UsageError>([&] { resolve(given); });
}

TEST(Parameters, ResolveDefaults) {
  const auto parameters = resolve({});
  EXPECT_EQ(parameters.integer("top_k"), 10);
  EXPECT_EQ(parameters.number("temperature"), 0.5);
  EXPECT_TRUE(parameters.boolean("norm"));
  EXPECT_EQ(parameters.text("text"), "next");
  EXPECT_EQ(parameters.text("store"), "float32");
  EXPECT_EQ(parameters.values().size(), std::size(kSpecs));
}

TEST(Parameters, SplitListsAtCommas) {
  EXPECT_THAT(resolve({{"names", " resid_pre , mlp_out,,"}}).list("names"),
              ElementsAre("resid_pre", "mlp_out"));
  EXPECT_THAT(resolve({{"temperatures", "0.5, 2,1e-3"}}).numbers("temperatures"),
              ElementsAre(0.5, 2, 1e-3));
  EXPECT_THAT(resolve({{"layers", "3,-1"}}).integers("layers"), ElementsAre(3, -1));
  EXPECT_THAT(refusal({{"temperatures", "0.5, hot"}}),
              HasSubstr("expected numbers of at least 0, separated by commas"));
}

TEST(Parameters, SuggestTheNearestNameForAnUnknownOne) {
  EXPECT_THAT(refusal({{"topk", "3"}}),
              HasSubstr("tool 'lens': unknown parameter 'topk'; did you mean 'top_k'"));
}

TEST(Parameters, RefuseValuesOfAnotherType) {
  for (const auto& [name, value] : Settings{{"top_k", "3.5"},
                                            {"top_k", ""},
                                            {"top_k", "99999999999999999999"},
                                            {"temperature", "nan"},
                                            {"norm", "maybe"}})
    EXPECT_THROW(resolve({{name, value}}), UsageError) << name;
}

TEST(Parameters, RefuseNumbersOutsideTheirIntervalAndSayIt) {
  EXPECT_THAT(refusal({{"top_k", "0"}}), HasSubstr("is '0', expected an integer of at least 1"));
  EXPECT_THAT(refusal({{"nucleus", "0"}}),
              HasSubstr("expected a number greater than 0 and at most 1"));
  EXPECT_THROW(resolve({{"nucleus", "1.1"}}), UsageError);
  EXPECT_EQ(resolve({{"nucleus", "1"}}).number("nucleus"), 1);
  EXPECT_THROW(resolve({{"temperatures", "0.5,-1"}}), UsageError);
  EXPECT_THROW(resolve({{"limit", "5"}}), UsageError);
}

TEST(Parameters, RefuseOtherWordsThanTheChoicesAndNameTheNearest) {
  const auto message = refusal({{"store", "float61"}});
  EXPECT_THAT(message, HasSubstr("expected one of float32, float16"));
  EXPECT_THAT(message, HasSubstr("did you mean 'float"));
  EXPECT_THAT(refusal({{"kinds", "zero,meen"}}), HasSubstr("one or more of zero, mean"));
  EXPECT_THROW(resolve({{"kinds", "zero,zero"}}), UsageError);
}

TEST(Parameters, ReadNoneAsTheEmptyListAndAsWithoutADefault) {
  EXPECT_THAT(resolve({{"kinds", "none"}}).list("kinds"), IsEmpty());
  EXPECT_FALSE(resolve({{"limit", "none"}}).is_set("limit"));
  EXPECT_FALSE(resolve({}).is_set("limit"));
  EXPECT_TRUE(resolve({{"limit", "0"}}).is_set("limit"));
  EXPECT_EQ(resolve({{"text", "none"}}).text("text"), "none");
  EXPECT_THROW(resolve({{"top_k", "none"}}), UsageError);
  EXPECT_THAT(message_of<UsageError>([] { resolve({}).integer("limit"); }),
              HasSubstr("parameter 'limit' is not set; set it to an integer of at least 0"));
}

TEST(Parameters, RefuseAnEmptyListThatNeedsAnItem) {
  for (const char* name : {"points", "shares", "hooks"})
    for (const char* value : {"none", "", " , "})
      EXPECT_THROW(resolve({{name, value}}), UsageError) << name << " '" << value << "'";
  EXPECT_THAT(refusal({{"points", "none"}}),
              EndsWith("expected one or more of q, k, separated by commas, each once"));
  EXPECT_THAT(refusal({{"shares", "none"}}),
              EndsWith("expected numbers greater than 0 and at most 1, separated by commas, at "
                       "least one"));
  EXPECT_THAT(refusal({{"hooks", "none"}}), HasSubstr("separated by commas, at least one"));
}

TEST(Parameters, FollowTheLimitsOfAListThatNeedsAnItem) {
  EXPECT_THAT(resolve({{"points", "k,q"}}).list("points"), ElementsAre("k", "q"));
  EXPECT_THAT(resolve({{"shares", "0.5"}}).numbers("shares"), ElementsAre(0.5));
  EXPECT_THROW(resolve({{"points", "v"}}), UsageError);
  EXPECT_THROW(resolve({{"shares", "0"}}), UsageError);
}

TEST(Parameters, SayThatAListOfChoicesMayBeEmpty) {
  EXPECT_THAT(refusal({{"kinds", "median"}}), HasSubstr("each once, or none;"));
}

TEST(Parameters, SpellEqualValuesOneWay) {
  EXPECT_EQ(resolve({{"norm", "off"}}).values().at("norm"), "false");
  EXPECT_EQ(resolve({{"norm", "1"}}).values().at("norm"), "true");
  EXPECT_EQ(resolve({{"temperature", "1.0"}}).values().at("temperature"), "1");
  EXPECT_EQ(resolve({{"temperatures", "1.50 , 2e0"}}).values().at("temperatures"), "1.5,2");
}

TEST(Parameters, RefuseToReadOneAsAnotherType) {
  EXPECT_THROW(resolve({}).integer("norm"), UsageError);
  EXPECT_THROW(resolve({}).text("missing"), UsageError);
  EXPECT_THROW(resolve({}).list("text"), UsageError);
}

TEST(Parameters, SayThatARequestHasNone) {
  EXPECT_THAT(message_of<UsageError>([] { Parameters().integer("top_k"); }),
              HasSubstr("the request has no parameters; make them with Tool::parameters"));
}

TEST(Parameters, MustBeSetWithoutADefault) {
  constexpr ParameterSpec needed[] = {{"other", ParameterType::model, nullptr, "", "the other"}};
  EXPECT_THAT(message_of<UsageError>([&] { Parameters::resolve(needed, {}, "tool 'lens'"); }),
              HasSubstr("parameter 'other' must be set to a model directory or hub name"));
}

TEST(ParameterInfo, IsRefusedWithADefaultThatItsOwnTableRefuses) {
  const auto problem = [](ParameterSpec spec) { return problem_of(ParameterInfo(spec)); };
  EXPECT_EQ(problem({"n", ParameterType::integer, "3", "", ""}), "");
  EXPECT_THAT(problem({"n", ParameterType::integer, "abc", "", ""}),
              HasSubstr("its default is 'abc', expected an integer"));
  EXPECT_THAT(problem({"n", ParameterType::integer, "0", "", "", "[1, inf)"}),
              HasSubstr("expected an integer of at least 1"));
  EXPECT_THAT(problem({"n", ParameterType::integer, "1", "", "", "1 to 5"}),
              HasSubstr("its interval is '1 to 5', expected one like [1, inf)"));
  EXPECT_THAT(problem({"n", ParameterType::choice, "a", "", "", "b|c"}),
              HasSubstr("expected one of b, c"));
  EXPECT_THAT(problem({"n", ParameterType::choice, "a", "", ""}), HasSubstr("choices are missing"));
}

}  // namespace
}  // namespace lensbench
