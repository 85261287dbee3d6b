#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include "neurons/neuron_explorer.hpp"
#include "neurons/sparsity.hpp"
#include "neurons/sparsity_receipts.hpp"
#include "support/bench.hpp"
#include "support/faulty_model.hpp"
#include "support/random_model.hpp"
#include "support/results.hpp"

// Each receipt of both tools fails for the fault that it names.

namespace lensbench::neurons {
namespace {

using testing::AskedForward;
using testing::expect_fails;
using testing::Faults;
using testing::faulty;

const std::vector<std::int64_t> kPrompt = {3, 17, 5, 9, 11, 2};

std::shared_ptr<const Model> right_model() {
  return random_model(small_gpt2_spec(), 5, at::kFloat, 0.3);
}

/// Readers of neurons see other numbers from the second forward on that reads them.
Faults misread_later() {
  Faults faults;
  faults.read = [forwards = 0](const at::Tensor& right, const HookPoint& point) mutable {
    if (!point.name.ends_with("mlp.hook_post")) return at::Tensor();
    if (point.layer == 0) ++forwards;
    return forwards > 1 ? right * 3 : right;
  };
  return faults;
}

TEST(SparsityReceipts, FailForAPromptOfOtherActivationsThanItsText) {
  testing::ToolBench<SparsityTool> bench(faulty(right_model(), misread_later()), kPrompt);
  const Dataset result = bench.tool.measure(bench.tokens, {});
  expect_fails(result, "active_neurons_by_token_equal_frequencies");
  EXPECT_TRUE(testing::receipt_of(result, "squares_by_neuron_equal_squares_by_token").passed);
}

/// A text that is measured piece by piece.
class MeasuredPieces : public ::testing::Test {
 protected:
  void add(bool end) {
    read_piece(
        *model_, {tokens_from_ids(*model_, kPrompt), 0, 0}, layout_, false,
        [&](const NeuronSite& site, const at::Tensor& rows,
            const std::vector<std::int64_t>& positions) { activity_.add(site, rows, positions); });
    if (end) activity_.end_piece();
  }
  std::shared_ptr<const Model> model_ = right_model();
  NeuronLayout layout_ = layout_of("sparsity", model_->spec(), "mlp.hook_post");
  TextActivity activity_{layout_, 64};
};

TEST_F(MeasuredPieces, FailTheReceiptForTokensOfAPieceThatAreMissing) {
  add(true);
  EXPECT_TRUE(squares_agree(activity_).passed);
  add(false);
  EXPECT_FALSE(squares_agree(activity_).passed);
}

TEST_F(MeasuredPieces, FailTheReceiptForAHistogramOfMoreTextThanTheNeurons) {
  add(true);
  const TextActivity::Neurons neurons = activity_.neurons(0.1, 0.001);
  EXPECT_TRUE(histogram_is_complete(activity_, neurons).passed);
  add(true);
  EXPECT_FALSE(histogram_is_complete(activity_, neurons).passed);
}

Dataset explored(const Faults& faults, const NeuronExplorerOptions& more = {}) {
  testing::ToolBench<NeuronExplorerTool> bench(faulty(right_model(), faults), kPrompt);
  NeuronExplorerOptions options = more;
  options.neurons = {{0, 3}, {1, 7}};
  return bench.tool.explore(bench.tokens, Target::token(7), options);
}

NeuronExplorerOptions optimised() {
  NeuronExplorerOptions options;
  options.optimise = {"embedding"};
  options.optimise_steps = 2;
  options.length = 2;
  return options;
}

TEST(ExplorerReceipts, FailForListedActivationsThatASecondRunDoesNotHave) {
  expect_fails(explored(misread_later()), "listed_activations_are_those_of_their_windows_alone");
}

TEST(ExplorerReceipts, FailForDirectionsWithAnotherGainThanTheFinalNorm) {
  Faults faults;
  faults.weight = [](const std::string& name, const at::Tensor& right) {
    return name == "ln_final.w" ? right * 1.01 : right;
  };
  expect_fails(explored(faults), "output_direction_equals_the_change_of_a_run");
}

TEST(ExplorerReceipts, FailForEmbeddingsThatDoNotReachTheModel) {
  EXPECT_TRUE(
      testing::receipt_of(explored({}, optimised()), "optimised_embeddings_keep_their_length")
          .passed);
  const Dataset deaf = explored(testing::deaf(), optimised());
  expect_fails(deaf, "optimised_embeddings_keep_their_length");
  expect_fails(deaf, "no_write_was_without_effect");
}

TEST(ExplorerReceipts, FailForEffectsOfAFaultySweep) {
  expect_fails(explored(testing::off_where([](const AskedForward& f) { return f.is_partial; })),
               "batched_equals_single");
  expect_fails(explored(testing::off_where([](const AskedForward& f) { return f.replaces; })),
               "replacing_an_activation_by_itself_changes_nothing");
}

}  // namespace
}  // namespace lensbench::neurons
