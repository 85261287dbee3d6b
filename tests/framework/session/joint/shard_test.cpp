#include "session/joint/shard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <string>

#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

TEST(Shard, IsReadFromItsNumberAndTheNumberOfAll) {
  const Shard shard = parse_shard("7/200");
  EXPECT_EQ(shard.number, 7);
  EXPECT_EQ(shard.count, 200);
  EXPECT_EQ(shard.text(), "7/200");
  EXPECT_EQ(parse_shard("1/1").count, 1);
}

TEST(Shard, IsRefusedAsAnotherText) {
  for (const std::string text : {"", "/", "7", "7/", "/7", "a/7", "7/a", "1/2/3", " 1/2", "1/2 ",
                                 "+1/2", "-1/2", "1.5/2", "1/99999999999999999999"})
    EXPECT_THAT(message_of<UsageError>([&] { parse_shard(text); }), HasSubstr("expected NUMBER"))
        << text;
}

TEST(Shard, HasANumberFromOneToTheNumberOfAll) {
  EXPECT_THAT(message_of<UsageError>([] { parse_shard("0/4"); }),
              HasSubstr("1/4 to 4/4; schedulers that count from 0"));
  EXPECT_THAT(message_of<UsageError>([] { parse_shard("5/4"); }), HasSubstr("1/4 to 4/4"));
  EXPECT_THAT(message_of<UsageError>([] { parse_shard("1/0"); }), HasSubstr("at least 1 part"));
}

TEST(Shard, IsNotOneOfMoreThanThereAreCases) {
  EXPECT_NO_THROW(check_shard({3, 3}, 3));
  EXPECT_THAT(message_of<UsageError>([] {
                check_shard({1, 4}, 3);
              }),
              HasSubstr("--shard 1/4: the run has only 3 cases; divide it into at most 3 parts"));
  EXPECT_THAT(message_of<UsageError>([] {
                check_shard({2, 2}, 1);
              }),
              HasSubstr("only 1 case; divide it into at most 1 part"));
}

}  // namespace
}  // namespace lensbench
