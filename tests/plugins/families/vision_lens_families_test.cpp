#include <gmock/gmock.h>

#include "families.hpp"
#include "support/error_matchers.hpp"
#include "vision_lens/vision_lens.hpp"

namespace lensbench::families {
namespace {

using ::testing::HasSubstr;

class VisionLensFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(VisionLensFamilies, ModelsWithoutATowerAreRefusedByName) {
  const auto model = Model::open(testing::data_folder() + "/models/" + GetParam());
  vision_lens::VisionLensTool tool;
  EXPECT_THAT(testing::message_of<UsageError>([&] { tool.check_compatible(*model); }),
              HasSubstr("this '" + model->spec().family + "' model does not have a vision tower"));
}

INSTANTIATE_TEST_SUITE_P(Samples, VisionLensFamilies, ::testing::ValuesIn(testing::sample_models()),
                         test_name);

}  // namespace
}  // namespace lensbench::families
