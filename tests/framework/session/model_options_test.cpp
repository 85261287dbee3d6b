#include "session/model_options.hpp"

#include <ATen/Context.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

TEST(ModelOptionsOfWords, KnowTheElementTypes) {
  EXPECT_EQ(model_options("float32", "cpu").dtype, at::kFloat);
  EXPECT_EQ(model_options("bfloat16", "cpu").dtype, at::kBFloat16);
  EXPECT_EQ(model_options("float16", "cpu").dtype, at::kHalf);
}

TEST(ModelOptionsOfWords, AreForTheProcessorUnlessAGpuIsNamed) {
  EXPECT_EQ(model_options("float32", "cpu").device, at::Device(at::kCPU));
  for (const char* device : {"cuda", "cuda:0", "cuda:12"}) {
    if (at::hasCUDA())
      EXPECT_TRUE(model_options("float32", device).device.is_cuda()) << device;
    else
      EXPECT_THAT(message_of<UsageError>([&] { model_options("float32", device); }),
                  AllOf(HasSubstr("'" + std::string(device) + "'"), HasSubstr("without CUDA")));
  }
}

TEST(ModelOptionsOfWords, SayWhichWordsThereAre) {
  for (const char* dtype : {"float64", "", "Float32", "int8"})
    EXPECT_THAT(message_of<UsageError>([&] { model_options(dtype, "cpu"); }),
                AllOf(HasSubstr("dtype '" + std::string(dtype) + "'"),
                      HasSubstr("float32, bfloat16 or float16")));
  for (const char* device : {"gpu", "", "cuda:", "cuda:x", "cuda:-1", "cuda:1000", "cuda1", "CPU"})
    EXPECT_THAT(message_of<UsageError>([&] { model_options("float32", device); }),
                AllOf(HasSubstr("device '" + std::string(device) + "'"),
                      HasSubstr("expected cpu or cuda:N")));
}

}  // namespace
}  // namespace lensbench
