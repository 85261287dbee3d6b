#include "session/pictures/placeholders.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

constexpr std::int64_t kImage = 60, kVideo = 61, kStart = 58, kEnd = 59;

VisionSpec tower() {
  VisionSpec spec;
  spec.image_token_id = kImage;
  spec.video_token_id = kVideo;
  spec.vision_start_token_id = kStart;
  spec.vision_end_token_id = kEnd;
  return spec;
}

std::string refusal(const std::vector<std::int64_t>& ids,
                    const std::vector<vision::PatchGrid>& grids) {
  return message_of<UsageError>([&] { check_placeholders(tower(), ids, grids, "case 'a'"); });
}

// 4 x 6 patches are 2 x 3 tokens, 2 x 2 patches are one.
TEST(Placeholders, AreRepeatedForEachTokenOfTheirPicture) {
  EXPECT_THAT(expanded_tokens(tower(), {7, kStart, kImage, kEnd, kStart, kImage, kEnd, 8},
                              {{1, 4, 6}, {1, 2, 2}}),
              ElementsAre(0, 1, 2, 2, 2, 2, 2, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(expanded_tokens(tower(), {7, 8}, {}), ElementsAre(0, 1));
}

TEST(Placeholders, AreAsManyAsThereArePictures) {
  const std::vector<std::int64_t> one = {kStart, kImage, kEnd};
  EXPECT_NO_THROW(check_placeholders(tower(), one, {{1, 4, 6}}, "case 'a'"));
  EXPECT_THAT(refusal(one, {{1, 4, 6}, {1, 2, 2}}),
              AllOf(HasSubstr("case 'a': the text has 1 placeholder"), HasSubstr("2 pictures"),
                    HasSubstr("6 (2 x 3), 1 (1 x 1) tokens")));
  EXPECT_THAT(refusal({7}, {{1, 4, 6}}), HasSubstr("0 placeholders"));
}

TEST(Placeholders, AreBetweenTheTokensThatBeginAndEndAPicture) {
  for (const std::vector<std::int64_t>& ids :
       std::vector<std::vector<std::int64_t>>{{kImage},
                                              {kStart, kImage},
                                              {kImage, kEnd},
                                              {kStart, kImage, kImage, kEnd},
                                              {kEnd, kImage, kStart}})
    EXPECT_THAT(refusal(ids, {{1, 2, 2}}), HasSubstr("other neighbours"));
}

TEST(Placeholders, OfVideosAreRefused) {
  EXPECT_THAT(refusal({kStart, kVideo, kEnd}, {}), HasSubstr("videos are not supported"));
}

}  // namespace
}  // namespace lensbench
