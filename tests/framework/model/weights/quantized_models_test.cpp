#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <lensbench/gradients.hpp>
#include <lensbench/model.hpp>
#include <lensbench/weight_changes.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/quantized/quantized_parts.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "model/forward/transformer_model.hpp"
#include "model/stored_model.hpp"
#include "support/quantized_samples.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::largest;
using testing::largest_difference;
using testing::quantized_folder;
using testing::quantized_samples;

constexpr std::string_view kOfMatrix = "values.";

/// A quantized checkpoint, what transformers computes with the values of its matrices in float64
/// (tests/parity/make_quantized.py), and the same model with these values as plain weights.
class QuantizedModel : public ::testing::TestWithParam<std::string> {
 protected:
  static std::shared_ptr<const Model> open(const std::string& folder,
                                           at::ScalarType dtype = at::kFloat) {
    ModelOptions options;
    options.dtype = dtype;
    return Model::open(folder, options);
  }
  std::shared_ptr<const Model> model(at::ScalarType dtype = at::kFloat) const {
    return open(quantized_folder(GetParam()), dtype);
  }

  /// Folder of the plain checkpoint.
  std::string plain_folder() const {
    const Checkpoint checkpoint(quantized_folder(GetParam()));
    std::map<std::string, at::Tensor> tensors;
    std::set<std::string> parts;
    for (const auto& [name, entry] : expected_.entries()) {
      if (!name.starts_with(kOfMatrix)) continue;
      const std::string matrix = name.substr(kOfMatrix.size());
      tensors[matrix] = expected_.tensor(name);
      const QuantizedParts found = open_quantized(checkpoint, matrix, entry.shape);
      parts.insert(found.names.begin(), found.names.end());
      parts.insert(found.idle.begin(), found.idle.end());
    }
    for (const std::string& name : checkpoint.names())
      if (!parts.contains(name)) tensors[name] = checkpoint.tensor(name);
    nlohmann::json config = checkpoint.config();
    config.erase("quantization_config");
    folder_.write("config.json", config.dump());
    write_safetensors(folder_ / "model.safetensors", tensors, {{"format", "pt"}});
    return folder_.path().string();
  }

  TokenBatch tokens() const { return {expected_.tensor("ids"), {}}; }
  at::Tensor logits() const { return expected_.tensor("logits"); }

 private:
  SafetensorsFile expected_{quantized_folder(GetParam()) + "/expected.safetensors"};
  testing::TempDir folder_;
};

TEST_P(QuantizedModel, HasTheLogitsOfTransformers) {
  const double scale = std::max(1.0, largest(logits()));
  EXPECT_LT(largest_difference(model()->forward(tokens()).logits, logits()), 5e-5 * scale);
}

// The matrices are small, so that products of plain weights have one order of sums too.
TEST_P(QuantizedModel, HasTheBitsOfThePlainModelInEveryType) {
  if (GetParam() == "mxfp4") GTEST_SKIP() << "plain experts of gpt-oss are stored transposed";
  const std::string plain = plain_folder();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf})
    EXPECT_TRUE(at::equal(model(type)->forward(tokens()).logits,
                          open(plain, type)->forward(tokens()).logits))
        << type;
}

TEST_P(QuantizedModel, HasTheLogitsOfThePlainModelInHalfPrecision) {
  const std::string plain = plain_folder();
  const at::Tensor expected = open(plain, at::kBFloat16)->forward(tokens()).logits;
  const double range = (expected.max() - expected.min()).item<double>();
  EXPECT_LT(largest_difference(model(at::kBFloat16)->forward(tokens()).logits, expected),
            1e-2 * range);
}

TEST_P(QuantizedModel, HasTheWeightsOfThePlainModelByName) {
  const auto own = model(at::kBFloat16), plain = open(plain_folder(), at::kBFloat16);
  for (const char* name : {"attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "attn.kv_b_proj.W",
                           "mlp.W_gate", "mlp.W_in", "mlp.W_out", "mlp.experts.1.W_gate",
                           "mlp.experts.1.W_in", "mlp.experts.1.W_out"}) {
    const std::string whole = "blocks.1." + std::string(name);
    at::Tensor expected;
    try {
      expected = plain->weight(whole);
    } catch (const std::exception&) {  // another family's
      continue;
    }
    EXPECT_TRUE(at::equal(own->weight(whole), expected)) << whole;
  }
}

TEST_P(QuantizedModel, HasTheGradientsOfThePlainModel) {
  const auto gradients_of = [&](const Model& of) {
    return gradients(of, tokens(), {"blocks.*.hook_resid_post"},
                     [](const at::Tensor& x) { return x.select(1, -1).square().sum(); });
  };
  const auto own = gradients_of(*model()), plain = gradients_of(*open(plain_folder()));
  ASSERT_FALSE(own.empty());
  ASSERT_EQ(own.size(), plain.size());
  // Sums of products in another order.
  for (const auto& [name, gradient] : plain)
    EXPECT_LT(largest_difference(own.at(name), gradient), 1e-5 * std::max(1.0, largest(gradient)))
        << name;
}

TEST_P(QuantizedModel, HasTheResultsOfSingleHeadsOfThePlainModel) {
  const auto results = [&](const Model& of) {
    at::Tensor seen;
    Hooks hooks;
    hooks.read("blocks.0.attn.hook_result",
               [&](const at::Tensor& x, const HookPoint&) { seen = x.clone(); });
    of.forward(tokens(), {}, hooks);
    return seen;
  };
  EXPECT_TRUE(at::equal(results(*model()), results(*open(plain_folder()))));
}

TEST_P(QuantizedModel, TakesAChangeOfAQuantizedWeightAlone) {
  const auto own = model();
  const at::Tensor before = own->weight("blocks.0.attn.W_O"), value = before * 2.0;
  const at::Tensor other = own->weight("blocks.1.attn.W_O");
  const auto changed = with_weights(own, {{"blocks.0.attn.W_O", value}});
  EXPECT_TRUE(at::equal(changed->weight("blocks.0.attn.W_O"), value));
  EXPECT_TRUE(at::equal(changed->weight("blocks.1.attn.W_O"), other));
  EXPECT_TRUE(at::equal(own->weight("blocks.0.attn.W_O"), before));
  EXPECT_FALSE(at::equal(changed->forward(tokens()).logits, own->forward(tokens()).logits));
}

TEST_P(QuantizedModel, HasTheParametersOfThePlainModel) {
  const std::string folder = plain_folder();
  const Checkpoint own(quantized_folder(GetParam())), plain(folder);
  // Biases of zeros, which old programs added.
  std::int64_t added = 0;
  for (const std::string& name : own.names())
    if (name.ends_with(".bias") && !plain.has(name)) added += own.tensor(name).numel();
  EXPECT_EQ(open_as_stored(quantized_folder(GetParam())).parameters - added,
            open_as_stored(folder).parameters);
}

TEST_P(QuantizedModel, SaysThatItIsQuantized) {
  EXPECT_THAT(notes_of(*model()), Contains(HasSubstr("quantized weights (")));
}

INSTANTIATE_TEST_SUITE_P(, QuantizedModel, ::testing::ValuesIn(quantized_samples()),
                         testing::test_name);

TEST(QuantizedExperts, TakeAChangeOfOneOfThem) {
  const auto own = Model::open(quantized_folder("mxfp4"));
  const at::Tensor value = own->weight("blocks.0.mlp.experts.1.W_in") * 0.5;
  const at::Tensor gate = own->weight("blocks.0.mlp.experts.1.W_gate");
  const auto changed = with_weights(own, {{"blocks.0.mlp.experts.1.W_in", value}});
  EXPECT_TRUE(at::equal(changed->weight("blocks.0.mlp.experts.1.W_in"), value));
  EXPECT_TRUE(at::equal(changed->weight("blocks.0.mlp.experts.1.W_gate"), gate));
  EXPECT_TRUE(at::equal(changed->weight("blocks.0.mlp.experts.0.W_in"),
                        own->weight("blocks.0.mlp.experts.0.W_in")));
}

}  // namespace
}  // namespace lensbench
