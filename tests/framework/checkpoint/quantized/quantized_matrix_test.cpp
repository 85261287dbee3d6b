#include "checkpoint/quantized/quantized_matrix.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/quantized/quantized_parts.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "support/quantized_samples.hpp"

namespace lensbench {
namespace {

using testing::quantized_folder;
using testing::quantized_samples;

constexpr std::string_view kValues = "values.";

/// A checkpoint of one format, with the values of its matrices by a program in numpy
/// (tests/parity/quantized_formats.py).
class QuantizedFormat : public ::testing::TestWithParam<std::string> {
 protected:
  std::vector<std::string> matrices() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : expected_.entries())
      if (name.starts_with(kValues)) names.push_back(name.substr(kValues.size()));
    return names;
  }
  /// Values by rows, as the file has them: those of experts are stored [expert, in, out].
  at::Tensor values(const std::string& name) const {
    const at::Tensor stored = expected_.tensor(std::string(kValues) + name);
    return stored.dim() == 3 ? stored.transpose(1, 2).contiguous().flatten(0, 1) : stored;
  }
  QuantizedParts parts(const std::string& name) const {
    return open_quantized(checkpoint_, name,
                          expected_.tensor(std::string(kValues) + name).sizes().vec());
  }

  Checkpoint checkpoint_{quantized_folder(GetParam())};
  SafetensorsFile expected_{quantized_folder(GetParam()) + "/expected.safetensors"};
};

TEST_P(QuantizedFormat, ReadsTheValuesOfItsDefinitionToTheBit) {
  ASSERT_FALSE(matrices().empty());
  for (const std::string& name : matrices()) {
    const QuantizedParts stored = parts(name);
    const QuantizedMatrix& matrix = *stored.matrix;
    const at::Tensor expected = values(name);
    ASSERT_EQ(expected.sizes(), at::IntArrayRef({matrix.rows, matrix.columns})) << name;
    const at::Tensor read = at::empty({matrix.rows, matrix.columns}, at::kFloat);
    for (std::int64_t row = 0; row < matrix.rows; ++row)
      matrix.read(row, 0, matrix.columns, read[row].data_ptr<float>());
    EXPECT_TRUE(at::equal(read, expected)) << name;
  }
}

TEST_P(QuantizedFormat, ReadsAPartOfARowFromAnyColumn) {
  const std::string name = matrices().front();
  const QuantizedParts stored = parts(name);
  const QuantizedMatrix& matrix = *stored.matrix;
  const std::int64_t row = matrix.rows - 1;
  const at::Tensor expected = values(name)[row];
  for (const std::int64_t first : {0, 1, 5, 8})
    for (const std::int64_t count : {1, 4}) {
      const at::Tensor read = at::empty({count}, at::kFloat);
      matrix.read(row, first, count, read.data_ptr<float>());
      EXPECT_TRUE(at::equal(read, expected.narrow(0, first, count))) << first << " " << count;
    }
}

TEST_P(QuantizedFormat, NamesTheTensorsThatItIsReadFrom) {
  for (const std::string& name : matrices()) {
    EXPECT_TRUE(is_stored_quantized(checkpoint_, name)) << name;
    const QuantizedParts found = parts(name);
    EXPECT_GE(found.names.size(), 2U) << name;
    for (const std::string& tensor : found.names) EXPECT_TRUE(checkpoint_.has(tensor)) << tensor;
  }
  EXPECT_FALSE(is_stored_quantized(checkpoint_, "model.embed_tokens.weight"));
  EXPECT_FALSE(is_stored_quantized(checkpoint_, "no.such.weight"));
}

INSTANTIATE_TEST_SUITE_P(, QuantizedFormat, ::testing::ValuesIn(quantized_samples()),
                         testing::test_name);

// Table 1 of arXiv:2209.05433.
TEST(E4m3, HasTheNumbersOfItsDefinition) {
  EXPECT_EQ(from_e4m3(0x00), 0.0F);
  EXPECT_EQ(from_e4m3(0x01), std::ldexp(1.0F, -9));    // the smallest subnormal number
  EXPECT_EQ(from_e4m3(0x07), std::ldexp(0.875F, -6));  // the largest subnormal number
  EXPECT_EQ(from_e4m3(0x08), std::ldexp(1.0F, -6));    // the smallest normal number
  EXPECT_EQ(from_e4m3(0x38), 1.0F);
  EXPECT_EQ(from_e4m3(0x7e), 448.0F);  // the largest number
  EXPECT_EQ(from_e4m3(0xfe), -448.0F);
  EXPECT_TRUE(std::signbit(from_e4m3(0x80)));
  EXPECT_TRUE(std::isnan(from_e4m3(0x7f)));
  EXPECT_TRUE(std::isnan(from_e4m3(0xff)));
}

}  // namespace
}  // namespace lensbench
