// Features of dictionaries: by hand, and those of SAELens (tests/parity/sparse_autoencoder.py).
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

#include <lensbench/tensor_file.hpp>

#include "sae_fixture.hpp"
#include "sparse_autoencoder/reconstruction.hpp"

namespace lensbench::dictionaries {
namespace {

at::Tensor row(double a, double b) {
  return at::tensor(std::vector<double>{a, b}, at::kFloat).unsqueeze(0);
}

std::vector<float> features(const Dictionary& dictionary, const at::Tensor& rows) {
  const at::Tensor found =
      dense(encode(dictionary, normalised(dictionary, rows)), dictionary.settings.features);
  return {found.data_ptr<float>(), found.data_ptr<float>() + found.numel()};
}

using ::testing::ElementsAre;

TEST(IdentityDictionary, OfStandardKindKeepsWhatIsAboveZero) {
  const Dictionary dictionary = identity(Activation::relu);
  const at::Tensor x = row(3, -1);
  EXPECT_THAT(features(dictionary, x), ElementsAre(3, 0));
  const SiteRows rows{x, x, {}, {}};
  const Reconstruction found = reconstruct(dictionary, rows, at::ones({1}, at::kBool), 2);
  EXPECT_EQ((x - found.output).square().sum().item<double>(), 1);
  EXPECT_EQ(found.l0[0].item<double>(), 1);
  EXPECT_EQ(found.l1[0].item<double>(), 3);
  EXPECT_EQ(found.ids[0][0].item<std::int64_t>(), 0);
  EXPECT_EQ(found.ids[0][1].item<std::int64_t>(), -1);
}

TEST(IdentityDictionary, WithAThresholdIsActiveStrictlyAboveIt) {
  Dictionary dictionary = identity(Activation::jumprelu);
  dictionary.threshold = at::full({2}, 2.0);
  EXPECT_THAT(features(dictionary, row(1.5, 2)), ElementsAre(0, 0));
  EXPECT_THAT(features(dictionary, row(2.5, -3)), ElementsAre(2.5, 0));
}

TEST(IdentityDictionary, OfTheLargestKeepsK) {
  Dictionary dictionary = identity(Activation::topk);
  dictionary.settings.k = 1;
  EXPECT_THAT(features(dictionary, row(3, 2)), ElementsAre(3, 0));
  EXPECT_THAT(features(dictionary, row(-3, -2)), ElementsAre(0, 0));
}

TEST(IdentityDictionary, WithAGateSeparatesWhetherFromHowMuch) {
  Dictionary dictionary = identity(Activation::gated);
  dictionary.encoder_bias = at::full({2}, -1.0);
  dictionary.magnitude = at::full({2}, 2.0);  // e to the r_mag, ln 2
  dictionary.magnitude_bias = at::full({2}, 0.5);
  EXPECT_THAT(features(dictionary, row(3, 0.5)), ElementsAre(::testing::FloatEq(6.5F), 0));
}

TEST(ExactDictionary, ReturnsTheRowWithEveryNorm) {
  // Features e1, -e1, e2, -e2 rebuild each row, whatever is done to it before and undone after.
  const at::Tensor half = at::eye(3), decoder = at::cat({half, -half});
  for (const InputNorm norm : {InputNorm::none, InputNorm::constant_norm, InputNorm::layer_norm}) {
    Dictionary dictionary;
    dictionary.settings.norm = norm;
    dictionary.settings.d_in = dictionary.settings.d_out = 3;
    dictionary.settings.features = 6;
    dictionary.decoder = decoder;
    dictionary.encoder = decoder.t().contiguous();
    dictionary.encoder_bias = at::zeros({6});
    dictionary.decoder_bias = at::tensor(std::vector<double>{0.5, -1, 2}, at::kFloat);
    dictionary.decoder_norm = at::ones({6});
    const at::Tensor x =
        at::tensor(std::vector<double>{1, -2, 5, 0.25, 3, -1}, at::kFloat).view({2, 3});
    // A layer norm divides by the deviation plus 1e-5 and multiplies by the deviation alone.
    EXPECT_LT(largest_difference(output(dictionary, x), x), 5e-5);
  }
}

std::vector<ActiveEntry> kept_of(const std::vector<float>& values, std::int64_t k) {
  const std::vector<float> none(values.size());
  std::vector<ActiveEntry> entries;
  largest(values.data(), none.data(), nullptr, std::ssize(values), k, entries);
  return entries;
}

TEST(LargestFeatures, AreInTheirOrderAndOfEqualOnesTheFirst) {
  EXPECT_THAT(kept_of({1, 5, -2, 5, 3, 5}, 2), ElementsAre(ActiveEntry{1, 5}, ActiveEntry{3, 5}));
  EXPECT_THAT(kept_of({0, -1, 4}, 2), ElementsAre(ActiveEntry{2, 4}));
  // Sixteen at a time are compared, and then the rest.
  std::vector<float> many(37, -1);
  many[3] = many[20] = 2;
  many[36] = 3;
  EXPECT_THAT(kept_of(many, 2), ElementsAre(ActiveEntry{3, 2}, ActiveEntry{36, 3}));
  EXPECT_THAT(kept_of(many, 9),
              ElementsAre(ActiveEntry{3, 2}, ActiveEntry{20, 2}, ActiveEntry{36, 3}));
}

TEST(WeightedRows, OfFewAndOfManyFeaturesAreTheSameSums) {
  // Twelve of 24 features are many, one of 25 is few.
  for (const std::int64_t features : {24, 25 * 12}) {
    at::Tensor values = at::sin(at::arange(3 * features, at::kFloat)).view({3, features});
    for (std::int64_t f = 0; f < features; ++f)
      if (features > 24 && f % 25 != 0) values.select(1, f).fill_(-1);
    Dictionary dictionary = identity(Activation::relu);
    dictionary.settings.features = dictionary.settings.d_in = features;
    dictionary.encoder = at::eye(features);
    dictionary.encoder_bias = at::zeros({features});
    dictionary.settings.bias_from_input = false;
    dictionary.decoder = at::cos(at::arange(features * 2, at::kFloat)).view({features, 2});
    dictionary.decoder_bias = at::ones({2});
    const at::Tensor wanted =
        at::matmul(values.relu().to(at::kDouble), dictionary.decoder.to(at::kDouble)) + 1;
    EXPECT_LT(largest_difference(output(dictionary, values), wanted), 1e-5) << features;
  }
}

class SaeLens : public ::testing::TestWithParam<std::string> {};

TEST_P(SaeLens, HasTheSameFeaturesAndOutputs) {
  const TensorFile expected(reference_folder("expected.safetensors"));
  const at::Tensor x = expected.read("rows");
  const Dictionary dictionary = read_dictionary(reference_folder(GetParam())).dictionary;
  const at::Tensor wanted = expected.read(GetParam() + ".features");
  EXPECT_GT(wanted.gt(0).sum().item<std::int64_t>(), 0);
  EXPECT_LT(largest_difference(dense(encode(dictionary, normalised(dictionary, x)), wanted.size(1)),
                               wanted),
            1e-5);
  EXPECT_LT(largest_difference(output(dictionary, x), expected.read(GetParam() + ".output")), 1e-5);
}

TEST_P(SaeLens, HasTheSameListsAndCounts) {
  const TensorFile expected(reference_folder("expected.safetensors"));
  const at::Tensor x = expected.read("rows");
  const Dictionary dictionary = read_dictionary(reference_folder(GetParam())).dictionary;
  const at::Tensor counted = at::ones({x.size(0)}, at::kBool);
  const Reconstruction found = reconstruct(dictionary, {x, x, {}, {}}, counted, 3, {7, 0});
  EXPECT_LT(largest_difference(found.output, expected.read(GetParam() + ".output")), 1e-5);
  const at::Tensor wanted = expected.read(GetParam() + ".features");
  EXPECT_TRUE(found.active.equal(wanted.gt(0).to(at::kLong).sum(0)));
  EXPECT_LT(largest_difference(found.activations, std::get<0>(at::topk(wanted, 3, 1))), 1e-5);
  EXPECT_LT(largest_difference(found.given.select(1, 0), wanted.select(1, 7)), 1e-5);
  EXPECT_LT(largest_difference(found.given.select(1, 1), wanted.select(1, 0)), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SaeLens,
                         ::testing::Values("standard", "plain", "layer_norm", "constant_norm",
                                           "topk", "topk_rescaled", "jumprelu", "gated",
                                           "transcoder", "skip_transcoder", "jumprelu_transcoder",
                                           "batchtopk"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace lensbench::dictionaries
