#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/experiment.hpp>

#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

constexpr ParameterSpec kPair[] = {
    {"corrupted_ids", ParameterType::text, "", "", "ids of the second prompt"},
    {"target", ParameterType::token, "", "", "target", "model|next"},
};

class RequestOfACase : public ::testing::Test {
 protected:
  Request request(std::map<std::string, std::string> fields, const Settings& given = {}) {
    input_.fields = std::move(fields);
    const Case c = testing::case_of(input_, context_, none_);
    return c.request(Parameters::resolve(kPair, given, "tool 'pair'"));
  }

  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 1);
  Context context_ = testing::context_of(model_, 7);
  Parameters none_;
  CaseInput input_{"one", "", {1, 2, 3}, {}};
};

TEST_F(RequestOfACase, HasItsTokensSeedAndFields) {
  const Request asked = request({{"label", "city"}});
  EXPECT_THAT(asked.tokens().ids, ElementsAre(1, 2, 3));
  EXPECT_EQ(asked.seed(), 7u);
  EXPECT_EQ(asked.field("label"), "city");
  EXPECT_EQ(asked.field("place"), std::nullopt);
  EXPECT_TRUE(asked.pictures().empty());
  EXPECT_EQ(asked.decoder(), nullptr);
}

TEST_F(RequestOfACase, ReadsTheSecondPromptFromAFieldOfIdsInEitherForm) {
  for (const char* ids : {"[4, 5, 6]", "4 5 6", "4,5,6"})
    EXPECT_THAT(request({{"corrupted_ids", ids}}).corrupted().ids, ElementsAre(4, 5, 6)) << ids;
}

TEST_F(RequestOfACase, PrefersItsOwnSecondPromptToTheParameter) {
  const Settings given = {{"corrupted_ids", "9"}};
  EXPECT_THAT(request({}, given).corrupted().ids, ElementsAre(9));
  EXPECT_THAT(request({{"corrupted_ids", "8"}}, given).corrupted().ids, ElementsAre(8));
}

TEST_F(RequestOfACase, RefusesTwoFormsOfTheSecondPromptAndIdsThatAreNotNumbers) {
  EXPECT_THAT(message_of<UsageError>([&] {
                request({{"corrupted", "a text"}, {"corrupted_ids", "1"}});
              }),
              HasSubstr("case 'one': 'corrupted' and 'corrupted_ids' are both given"));
  EXPECT_THAT(message_of<UsageError>([&] {
                request({{"corrupted_ids", "[1, x]"}});
              }),
              HasSubstr("'x' is not a number"));
}

TEST_F(RequestOfACase, SaysThatASecondPromptIsMissing) {
  const Request asked = request({});
  EXPECT_FALSE(asked.has_corrupted());
  EXPECT_THAT(message_of<UsageError>([&] { asked.corrupted(); }),
              HasSubstr("set parameter 'corrupted' or 'corrupted_ids'"));
}

TEST_F(RequestOfACase, HasTheTargetOfTheCaseBeforeThatOfTheParameter) {
  EXPECT_FALSE(request({}).target().has_value());
  EXPECT_EQ(request({}, {{"target", "5"}}).target()->id, 5);
  EXPECT_EQ(request({{"target", "6"}}, {{"target", "5"}}).target()->id, 6);
}

TEST(Request, IsIndependentOfItsCopies) {
  Request first{Tokens{{1, 2}, {}, "", false}};
  Request second = first;
  second.set_tokens(Tokens{{3}, {}, "", false}).set_seed(5);
  EXPECT_THAT(first.tokens().ids, ElementsAre(1, 2));
  EXPECT_EQ(first.seed(), 0u);
  EXPECT_THAT(second.tokens().ids, ElementsAre(3));
}

}  // namespace
}  // namespace lensbench
