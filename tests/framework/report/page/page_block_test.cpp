#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/text/base64.hpp"
#include "framework/report/page/page_reader.hpp"
#include "report/page/block.hpp"
#include "report/page/encode.hpp"

namespace lensbench::page {
namespace {

using testing::decoded;
using testing::from_base64;
using testing::inflated;

std::vector<double> read_back(const Block& block, std::size_t row = 0) {
  return decoded(block.head, block.data.empty() ? "" : inflated(from_base64(block.data)), row);
}

/// Amounts over 20 powers of ten.
at::Tensor amounts(std::int64_t count, at::ScalarType type = at::kFloat) {
  at::manual_seed(7);
  return at::exp(at::rand({count}, at::kDouble) * -46).to(type);
}

TEST(PageEncode, Base64IsThatOfTheStandard) {
  // The examples of RFC 4648, section 10.
  const std::vector<std::pair<std::string, std::string>> examples = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) EXPECT_EQ(base64(bytes), text);
}

TEST(PageEncode, DeflateIsUndoneByZlib) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>(i * i >> 5);
  for (const std::string& some : {std::string(), std::string("a"), bytes})
    EXPECT_EQ(inflated(deflated(some)), some);
}

TEST(PageEncode, PolicyHashIsThatOfBrowsers) {
  // From the specification of Content-Security-Policy 3: sha256 of `doSubmit()`.
  EXPECT_EQ(policy_hash("doSubmit()"), "sha256-jzgBGA4UWFFmpOBq0JpdsySukE1FrEN5bUpoK8Z29fY=");
}

TEST(PageBlock, ExactFloatsKeepTheirBitsAndNaN) {
  at::Tensor values = amounts(1000);
  values[3] = std::nan("");
  values[4] = -std::numeric_limits<float>::infinity();
  const auto read = read_back(number_block(values));
  for (std::int64_t i = 0; i < 1000; ++i) {
    const auto value = static_cast<double>(values[i].item<float>());
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(read[static_cast<std::size_t>(i)]));
    else
      EXPECT_EQ(read[static_cast<std::size_t>(i)], value) << i;
  }
}

/// A step of a logarithmic scale is a factor. Values are at most half a step away; those next to
/// the least one a whole step, because the first code means 0.
TEST(PageBlock, AmountsHaveARelativeError) {
  at::Tensor values = amounts(5000);
  values[0] = 0;
  values[1] = std::nan("");
  for (const auto& [precision, steps] :
       {std::pair(Precision::bits16, 65534.0), {Precision::bits8, 254.0}}) {
    const Block block = number_block(values, precision);
    const double step =
        (block.head["high"].get<double>() - block.head["low"].get<double>()) / steps;
    const auto read = read_back(block);
    EXPECT_EQ(read[0], 0);
    EXPECT_TRUE(std::isnan(read[1]));
    for (std::int64_t i = 2; i < 5000; ++i) {
      const double value = values[i].item<float>();
      ASSERT_LE(std::abs(std::log(read[static_cast<std::size_t>(i)] / value)), step * 1.0001) << i;
    }
  }
}

TEST(PageBlock, ValuesOfBothSignsHaveAnAbsoluteError) {
  const at::Tensor values = at::linspace(-3, 5, 4000);
  for (const auto& [precision, steps] :
       {std::pair(Precision::bits16, 65534.0), {Precision::bits8, 254.0}}) {
    const Block block = number_block(values, precision);
    EXPECT_EQ(block.head["encoding"], precision == Precision::bits16 ? "linear16" : "linear8");
    EXPECT_EQ(block.head.contains("approximate"), precision == Precision::bits8);
    const auto read = read_back(block);
    for (std::int64_t i = 0; i < 4000; ++i)
      ASSERT_LE(std::abs(read[static_cast<std::size_t>(i)] - values[i].item<double>()),
                8 / steps / 2 * 1.0001);
  }
}

TEST(PageBlock, AConstantIsExact) {
  for (const double constant : {0.0, 2.5, -1.0})
    for (const double value :
         read_back(number_block(at::full({100}, constant, at::kFloat), Precision::bits16)))
      EXPECT_EQ(value, constant);
}

TEST(PageBlock, IntegersGetTheNarrowestType) {
  const std::vector<std::pair<std::int64_t, std::string>> cases = {
      {127, "int8"},
      {-128, "int8"},
      {128, "int16"},
      {-32769, "int32"},
      {std::int64_t{1} << 40, "float64"}};
  for (const auto& [most, type] : cases) {
    at::Tensor values = at::zeros({20}, at::kLong);
    values[7] = most;
    const Block block = number_block(values);
    EXPECT_EQ(block.head["type"], type);
    EXPECT_EQ(read_back(block)[7], static_cast<double>(most));
  }
}

TEST(PageBlock, IdsAreChangesAlongLayers) {
  const at::Tensor ids =
      at::tensor(std::vector<std::int64_t>{5, 0, 7, 5, 1, 7, 6, 1, 7, 6, 1, 2, 6, 1, 2, 6, 1, 0},
                 at::kLong)
          .reshape({6, 3});
  const Block block = id_block(ids);
  EXPECT_EQ(block.head["encoding"], "changes");
  const auto read = read_back(block, 3);
  for (std::int64_t i = 0; i < 18; ++i)
    EXPECT_EQ(read[static_cast<std::size_t>(i)], ids.flatten()[i].item<double>());
  at::Tensor missing = ids.clone();
  missing[2][1] = -1;
  EXPECT_EQ(id_block(missing).head["encoding"], "plain");
  EXPECT_EQ(read_back(id_block(missing), 3)[7], -1);
}

TEST(PageBlock, FewValuesAreInTheHead) {
  const Block block = number_block(at::tensor(std::vector<double>{0.5, std::nan("")}));
  EXPECT_EQ(block.head, (nlohmann::json{{"values", {0.5, nullptr}}}));
  EXPECT_TRUE(block.data.empty());
  EXPECT_FALSE(number_block(at::tensor(std::vector<double>{INFINITY})).data.empty());
}

TEST(PageBlock, TextsAreEndedByZero) {
  std::vector<std::string> texts(20, "a");
  texts[3] = std::string("b\0c\xff", 4);
  texts[4] = "";
  const Block block = text_block(texts);
  EXPECT_EQ(inflated(from_base64(block.data)).substr(0, 20), std::string("a\0a\0a\0b\xEF\xBF\xBD"
                                                                         "c\xEF\xBF\xBD\0\0a\0a",
                                                                         20));
}

TEST(PageBlock, APlainBlockIsTheValuesThemselves) {
  const at::Tensor values = amounts(1000);
  const Block block = number_block(values, Precision::exact, Form::plain);
  EXPECT_EQ(block.head,
            (nlohmann::json{{"type", "float32"}, {"count", 1000}, {"encoding", "plain"}}));
  EXPECT_EQ(block.data, std::string(static_cast<const char*>(values.data_ptr()), 4000));
  const std::vector<std::string> texts(20, "a text");
  std::string bytes;
  for (const std::string& text : texts) bytes += text + '\0';
  EXPECT_EQ(text_block(texts, Form::plain).data, bytes);
  // Ids as changes: 20 of the first layer, each one more, then 0 for those that stay.
  const at::Tensor ids = at::arange(20, at::kLong).expand({2, 20}).contiguous();
  const Block changes = id_block(ids, Form::plain);
  std::vector<std::int32_t> codes(40);
  ASSERT_EQ(changes.data.size(), 160u);
  std::memcpy(codes.data(), changes.data.data(), 160);
  for (std::int32_t i = 0; i < 20; ++i) {
    EXPECT_EQ(codes[static_cast<std::size_t>(i)], i + 1);
    EXPECT_EQ(codes[static_cast<std::size_t>(20 + i)], 0);
  }
  // Few values are in the head, whatever the form.
  EXPECT_EQ(number_block(at::arange(3), Precision::exact, Form::plain).head["values"],
            (nlohmann::json{0, 1, 2}));
}

}  // namespace
}  // namespace lensbench::page
