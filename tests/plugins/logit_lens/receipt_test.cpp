#include "logit_lens/receipt.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <lensbench/intervention.hpp>
#include <memory>
#include <string>
#include <vector>

#include "logit_lens/decode.hpp"
#include "logit_lens/logit_lens.hpp"
#include "support/bench.hpp"
#include "support/folders.hpp"
#include "support/interventions.hpp"
#include "support/random_model.hpp"
#include "support/sample_models.hpp"

// The receipt of the lens fails for a stream that is not the model's, and passes on correct
// results.

namespace lensbench::lens {
namespace {

using testing::at_hook;

class LensReceipt : public ::testing::TestWithParam<bool> {
 protected:
  using Bench = testing::ToolBench<LogitLensTool>;
  Bench bench_{
      random_model(GetParam() ? small_gpt2_spec() : small_llama_spec(), 5, at::kFloat, 0.3),
      {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5}};

  /// The receipt of a lens that decodes `layers`.
  Receipt receipt_of(std::vector<at::Tensor> layers) {
    const auto stream =
        read_residuals(bench_.context, bench_.tokens, {"resid_post"}).front().layers;
    Question question;
    question.model = bench_.model.get();
    question.final_residual = layers.back();
    question.layers = std::move(layers);
    question.top_k = 5;
    question.next_ids = next_ids(bench_.tokens);
    const Readout readout = decode(question).readout;
    return last_layer_receipts(*bench_.model, {{bench_.tokens, stream[stream.size() - 2], readout}})
        .front();
  }
  std::vector<at::Tensor> stream() {
    return read_residuals(bench_.context, bench_.tokens, {"resid_post"}).front().layers;
  }
};

TEST_P(LensReceipt, PassesForTheStreamOfTheModel) {
  const Receipt receipt = receipt_of(stream());
  EXPECT_TRUE(receipt.passed) << receipt.value;
}

TEST_P(LensReceipt, FailsForTheStreamOfAnotherLayer) {
  std::vector<at::Tensor> layers = stream();
  layers.back() = layers[layers.size() - 2];
  EXPECT_FALSE(receipt_of(layers).passed);
}

TEST_P(LensReceipt, FailsForAStreamThatWasOverwritten) {
  std::vector<at::Tensor> layers = stream();
  layers.back() = at::zeros_like(layers.back());
  EXPECT_FALSE(receipt_of(layers).passed);
}

TEST_P(LensReceipt, FailsForOneWrongPosition) {
  std::vector<at::Tensor> layers = stream();
  layers.back() = layers.back().clone();
  layers.back()[-1].mul_(-1);
  EXPECT_FALSE(receipt_of(layers).passed);
}

TEST_P(LensReceipt, PassesWithInterventions) {
  const at::Tensor vector = at::linspace(-1, 1, bench_.model->spec().d_model);
  const std::vector<std::vector<Intervention>> lists = {
      {{at_hook("blocks.2.hook_resid_pre"), AddValue{vector, 2.0}}},
      {{at_hook("blocks.2.hook_resid_post"), AddValue{vector, 2.0}}},
      {{at_hook("blocks.1.hook_mlp_out"), Freeze{}}}};
  for (const auto& list : lists) {
    Bench changed(with_interventions(bench_.model, list), bench_.tokens.ids);
    for (const Receipt& receipt : changed.tool.analyze(changed.tokens, {}).receipts)
      EXPECT_TRUE(receipt.passed) << receipt.value;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, LensReceipt, ::testing::Bool());

TEST(LensReceiptOfFamilies, Passes) {
  for (const std::string& name : lensbench::testing::sample_models()) {
    testing::ToolBench<LogitLensTool> bench(Model::open(testing::data_folder() + "/models/" + name),
                                            {1, 2, 3, 4, 2, 1});
    LogitLensOptions options;
    options.top_k = 3;
    const Dataset lens = bench.tool.analyze(bench.tokens, options);
    ASSERT_EQ(lens.receipts.size(), 1u) << name;
    EXPECT_TRUE(lens.receipts.front().passed) << name << " " << lens.receipts.front().value;
  }
}

}  // namespace
}  // namespace lensbench::lens
