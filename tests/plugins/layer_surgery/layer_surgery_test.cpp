// What must hold whatever the weights, and what is refused.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/scalar_tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/intervention.hpp>
#include <limits>

#include "layer_surgery/heads.hpp"
#include "layer_surgery/measure.hpp"
#include "layer_surgery/orders.hpp"
#include "support/contexts.hpp"
#include "support/embedded_model.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/sample_models.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"
#include "surgery_fixture.hpp"

namespace lensbench::surgery {
namespace {

using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using lensbench::testing::sample_folder;
using lensbench::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<std::int64_t> kIds = {3, 17, 5, 5, 11, 0, 23};

/// A model that counts the blocks that its forwards run.
class CountingModel final : public Model {
 public:
  explicit CountingModel(std::shared_ptr<const Model> model) : model_(std::move(model)) {}
  const TransformerSpec& spec() const override { return model_->spec(); }
  const ModelOptions& options() const override { return model_->options(); }
  const std::filesystem::path& directory() const override { return model_->directory(); }
  std::vector<ModelFile> files() const override { return model_->files(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return model_->tokenizer(); }
  std::vector<std::int64_t> end_of_sequence_ids() const override { return {}; }
  ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options,
                        const Hooks& hooks) const override {
    blocks += options.stop_at_layer.value_or(spec().n_layers) - options.start_at_layer;
    return model_->forward(tokens, options, hooks);
  }
  at::Tensor final_norm(const at::Tensor& x) const override { return model_->final_norm(x); }
  at::Tensor unembed(const at::Tensor& x) const override { return model_->unembed(x); }
  const Unembedding& unembedding() const override { return model_->unembedding(); }
  at::Tensor weight(std::string_view name) const override { return model_->weight(name); }

  mutable std::int64_t blocks = 0;

 private:
  std::shared_ptr<const Model> model_;
};

/// Number of blocks that the tool runs for two prompts.
std::int64_t blocks_of_two_cases(const std::shared_ptr<CountingModel>& model,
                                 const std::map<std::string, std::string>& given) {
  Context context = testing::context_of(model);
  LayerSurgeryTool tool;
  tool.attach(context);
  const Parameters parameters = Parameters::resolve(LayerSurgeryTool::kParameters, given, "tool");
  const std::int64_t before = model->blocks;
  for (const std::int64_t id : {3, 4})
    tool.run(Request(tokens_from_ids(*model, {id, 5}), parameters));
  return model->blocks - before;
}

class Surgery : public ::testing::Test {
 protected:
  std::string refusal(const std::map<std::string, std::string>& given) {
    return message_of<UsageError>([&] { run_with(bench_, given); });
  }
  /// The stream after these blocks, one after the other.
  at::Tensor after(at::Tensor stream, const std::vector<std::int64_t>& blocks) {
    for (const std::int64_t block : blocks) {
      ForwardOptions options;
      options.start_at_layer = block;
      options.stop_at_layer = block + 1;
      options.residual = stream;
      stream = bench_.model->forward(make_batch(bench_.tokens), options).residual;
    }
    return stream;
  }
  /// Cross-entropy of the second token, in nats, if these blocks follow the stream.
  double cross_entropy_after(const at::Tensor& stream, const std::vector<std::int64_t>& blocks) {
    const at::Tensor last = bench_.model->final_norm(after(stream, blocks));
    const at::Tensor log_p = at::log_softmax(bench_.model->unembed(last)[0].to(at::kDouble), -1);
    return -log_p[0][kIds[1]].item<double>();
  }
  Bench bench_{random_model(small_gpt2_spec(), 5, at::kFloat, 0.3), kIds};
};

TEST_F(Surgery, LossesAreThoseOfTheLogitsInFloat64) {
  const Dataset dataset = run_with(bench_, {{"operation", "delete"}});
  expect_all_pass(dataset);
  InterventionSite attention, mlp;
  attention.hook = "blocks.1.hook_attn_out";
  mlp.hook = "blocks.1.hook_mlp_out";
  const auto without = with_interventions(bench_.model, {{attention, SetZero{}}, {mlp, SetZero{}}});
  const TokenBatch batch = make_batch(bench_.tokens);
  const auto log_p = [&](const Model& model) {
    return at::log_softmax(model.forward(batch).logits[0].to(at::kDouble), -1);
  };
  const at::Tensor p = log_p(*bench_.model), q = log_p(*without);
  double loss = 0;
  for (std::size_t i = 0; i + 1 < kIds.size(); ++i)
    loss -= q[static_cast<std::int64_t>(i)][kIds[i + 1]].item<double>() / 6;
  // Logits in float32, of about 10.
  EXPECT_NEAR(value_of(dataset, "loss", "delete 1"), loss, 1e-5);
  const at::Tensor kl = (p.exp() * (p - q)).sum(-1);
  EXPECT_LT(largest_difference(dataset["kl"].tensor[1], kl), 1e-5);
  EXPECT_NEAR(value_of(dataset, "mean_kl", "delete 1"), kl.mean().item<double>(), 1e-5);
  const at::Tensor agrees = p.argmax(-1).eq(q.argmax(-1));
  EXPECT_TRUE(at::equal(dataset["agrees"].tensor[1].to(at::kBool), agrees));
}

TEST_F(Surgery, BlockInfluenceIsOneMinusTheMeanCosine) {
  const Dataset dataset = run_with(bench_, {});
  const auto streams = bench_.context.activations(
      bench_.tokens, {"blocks.1.hook_resid_pre", "blocks.1.hook_resid_post"});
  const at::Tensor a = streams.at("blocks.1.hook_resid_pre")[0].to(at::kDouble);
  const at::Tensor b = streams.at("blocks.1.hook_resid_post")[0].to(at::kDouble);
  const at::Tensor cosine = (a * b).sum(-1) / a.norm(2, -1) / b.norm(2, -1);
  EXPECT_NEAR(dataset["block_influence"].tensor[1].item<double>(), 1 - cosine.mean().item<double>(),
              1e-12);
}

TEST_F(Surgery, ADeletedModelCanBeAskedAgain) {
  const Dataset first = run_with(bench_, {}), again = run_with(bench_, {});
  EXPECT_TRUE(at::equal(first["loss"].tensor, again["loss"].tensor));
}

TEST_F(Surgery, RepeatingABlockRunsItOnItsOwnOutput) {
  const Dataset dataset = run_with(bench_, {{"operation", "repeat"}, {"blocks", "1"}});
  const Window window = read_window(*bench_.model, bench_.tokens);
  EXPECT_NEAR(value_at(dataset, "cross_entropy", "repeat 1", 0),
              cross_entropy_after(window.streams[2], {1, 2}), 1e-5);
}

// The repeated block starts from a stored stream that the model changes where block 1 reads it.
TEST_F(Surgery, InterventionsOnTheStreamThatEntersABlockActOnce) {
  InterventionSite entering;
  entering.hook = "blocks.1.hook_resid_pre";
  Bench changed{
      with_interventions(bench_.model, {{entering, AddValue{at::scalar_tensor(0.5), 1.0}}}), kIds};
  const Dataset dataset = run_with(changed, {{"operation", "repeat"}, {"blocks", "0"}});
  ForwardOptions embedding;
  embedding.stop_at_layer = 0;
  const at::Tensor stream = bench_.model->forward(make_batch(bench_.tokens), embedding).residual;
  EXPECT_NEAR(value_at(dataset, "cross_entropy", "repeat 0", 0),
              cross_entropy_after(after(stream, {0, 0}) + 0.5, {1, 2}), 1e-5);
}

TEST_F(Surgery, AVariantStartsAtItsFirstChangedBlock) {
  const auto counting = std::make_shared<CountingModel>(bench_.model);
  const Window window = read_window(*counting, bench_.tokens);
  const auto blocks_of = [&](SurgeryOperation operation, std::int64_t block) {
    LayerSurgeryOptions options;
    options.blocks = {block};
    counting->blocks = 0;
    order_variants(counting, nullptr, operation, options).front().run(window);
    return counting->blocks;
  };
  EXPECT_EQ(blocks_of(SurgeryOperation::delete_block, 0), 2);
  EXPECT_EQ(blocks_of(SurgeryOperation::delete_block, 1), 1);
  EXPECT_EQ(blocks_of(SurgeryOperation::delete_block, 2), 0);
  EXPECT_EQ(blocks_of(SurgeryOperation::repeat, 1), 2) << "block 1 again, and block 2";
  EXPECT_EQ(blocks_of(SurgeryOperation::swap, 1), 2);
}

// The window of attention belongs to the block, wherever it runs: qwen2-window has full attention
// in its first blocks and windows in later ones.
TEST(SurgeryOfWindows, SettingsOfABlockGoWithIt) {
  const auto model = Model::open(sample_folder("qwen2-window"));
  const std::int64_t n = model->spec().n_layers;
  ASSERT_NE(model->spec().attention.window(0), model->spec().attention.window(n - 1));
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < 12; ++i) ids.push_back((7 * i + 3) % model->spec().vocab_size);
  const Window window = read_window(*model, tokens_from_ids(*model, ids));
  // The last block first: its keys beyond the window must stay invisible, so a change of token 0
  // leaves the last position's output of that block as it was.
  const at::Tensor x = run_order(*model, nullptr, window, {{n - 1, false}});
  Window changed = window;
  for (at::Tensor& stream : changed.streams) stream = stream.clone();
  changed.streams[0][0][0] += 1;
  const at::Tensor y = run_order(*model, nullptr, changed, {{n - 1, false}});
  EXPECT_FALSE(at::equal(x[0][0], y[0][0]));
  EXPECT_TRUE(at::equal(x[0][11], y[0][11]));
  const at::Tensor full = run_order(*model, nullptr, window, {{1, false}, {0, false}});
  const at::Tensor other = run_order(*model, nullptr, changed, {{1, false}, {0, false}});
  EXPECT_FALSE(at::equal(full[0][11], other[0][11])) << "block 0 sees all positions";
}

TEST_F(Surgery, MergingHeadsMixesTheirWeights) {
  const Dataset dataset =
      run_with(bench_, {{"operation", "merge_heads"}, {"heads", "1:0,1:2"}, {"share", "0.25"}});
  expect_all_pass(dataset);
  const auto changes = merged_weights(*bench_.model, {1, 0}, {1, 2}, 0.25);
  ASSERT_EQ(changes.size(), 7u) << "W_Q, W_K, W_V, W_O and the biases of the first three";
  for (const WeightChange& change : changes) {
    const at::Tensor old = bench_.model->weight(change.name);
    EXPECT_LT(largest_difference(change.value[0], old[0] * 0.25 + old[2] * 0.75), 1e-6);
    EXPECT_TRUE(at::equal(change.value[1], old[1]));
    EXPECT_EQ(lensbench::testing::largest(change.value[2]), 0);
  }
  const auto view = with_weights(bench_.model, changes);
  const at::Tensor q =
      at::log_softmax(view->forward(make_batch(bench_.tokens)).logits[0].to(at::kDouble), -1);
  EXPECT_NEAR(value_at(dataset, "cross_entropy", "merge 1:0 and 1:2", 0), -q[0][17].item<double>(),
              1e-5);
  EXPECT_TRUE(dataset.attributes.contains("weight_changes"));
}

TEST_F(Surgery, MeasuresTheLossOfOneHeadAloneToo) {
  const Dataset dataset = run_with(bench_, {{"operation", "merge_heads"}, {"heads", "1:0,1:2"}});
  InterventionSite site;
  site.hook = "blocks.1.attn.hook_z";
  site.heads = {2};
  const auto cut = with_interventions(bench_.model, {{site, SetZero{}}});
  const at::Tensor q =
      at::log_softmax(cut->forward(make_batch(bench_.tokens)).logits[0].to(at::kDouble), -1);
  EXPECT_NEAR(value_at(dataset, "cross_entropy", "ablate 1:2", 0), -q[0][17].item<double>(), 1e-5);
}

TEST(SurgeryOfGroups, QueryHeadsOfOneGroupKeepTheirKeys) {
  Bench bench(random_model(small_llama_spec(), 5, at::kFloat, 0.3), kIds);  // 4 heads, 2 groups
  const auto changes = merged_weights(*bench.model, {1, 0}, {1, 1}, 0.5);
  for (const WeightChange& change : changes)
    EXPECT_THAT(change.name, ::testing::AnyOf(HasSubstr("W_Q"), HasSubstr("W_O")));
  expect_all_pass(run_with(bench, {{"operation", "merge_heads"}, {"heads", "1:0,1:1"}}));
  EXPECT_THAT(message_of<UsageError>([&] {
                run_with(bench, {{"operation", "merge_heads"}, {"heads", "1:0,1:2"}});
              }),
              AllOf(HasSubstr("heads 1:0 and 1:2 read different key-value heads"),
                    HasSubstr("one group of 2")));
}

TEST_F(Surgery, RefusesVariantsThatAreRepeatedOrChangeNothing) {
  const auto prune = [&](const char* fractions) {
    return refusal({{"operation", "prune"}, {"fractions", fractions}, {"draws", "0"}});
  };
  EXPECT_THAT(prune("0.001"), HasSubstr("0.001, which is none of"));
  EXPECT_THAT(prune("0.5,0.5"), HasSubstr("0.5 twice"));
  EXPECT_THAT(refusal({{"operation", "merge_heads"}, {"heads", "0:0,0:1,0:0,0:1"}}),
              HasSubstr("the pair 0:0,0:1 twice"));
}

TEST_F(Surgery, ATextGivesMeansOverItsTokensAndAnInterval) {
  TempDir folder;
  const auto text = folder.write("t.jsonl",
                                 "{\"ids\": [3, 17, 5, 5]}\n{\"ids\": [1, 2]}\n{\"ids\": [9]}\n"
                                 "{\"ids\": [8, 30, 31, 32, 33]}\n");
  const Dataset dataset = run_with(bench_, {{"text", text.string()}});
  EXPECT_FALSE(dataset.contains("cross_entropy"));
  EXPECT_EQ(std::get<std::int64_t>(dataset.attributes.at("windows")), 64) << "as it was asked for";
  EXPECT_EQ(std::get<std::int64_t>(dataset.attributes.at("windows_measured")), 3)
      << "a document of one token predicts nothing";
  EXPECT_EQ(std::get<std::int64_t>(dataset.attributes.at("tokens_scored")), 3 + 1 + 4);
  double sum = 0;
  for (const auto& ids :
       std::vector<std::vector<std::int64_t>>{{3, 17, 5, 5}, {1, 2}, {8, 30, 31, 32, 33}}) {
    const at::Tensor q =
        at::log_softmax(bench_.model->forward(make_batch(tokens_from_ids(*bench_.model, ids)))
                            .logits[0]
                            .to(at::kDouble),
                        -1);
    for (std::size_t i = 0; i + 1 < ids.size(); ++i)
      sum -= q[static_cast<std::int64_t>(i)][ids[i + 1]].item<double>();
  }
  EXPECT_NEAR(dataset["whole_loss"].tensor.item<double>(), sum / 8, 1e-5);
  const at::Tensor interval = dataset["loss_increase_interval"].tensor;
  const at::Tensor increase = dataset["loss_increase"].tensor;
  EXPECT_TRUE((interval.select(1, 0) <= increase).all().item<bool>());
  EXPECT_TRUE((interval.select(1, 1) >= increase).all().item<bool>());
  EXPECT_EQ(run_with(bench_, {{"text", text.string()}, {"blocks", "1"}})["variant"].strings.size(),
            1u)
      << "another question about the same text";
  Bench again(bench_.model, {1, 2});
  const Dataset repeated = run_with(again, {{"text", text.string()}});
  EXPECT_TRUE(at::equal(repeated["loss_increase_interval"].tensor, interval));
}

TEST_F(Surgery, ATextIsReadOnceForAllCases) {
  TempDir folder;
  const auto text = folder.write("t.jsonl", "{\"ids\": [3, 17]}\n");
  const auto counting = std::make_shared<CountingModel>(bench_.model);
  EXPECT_EQ(2 * blocks_of_two_cases(counting, {{"text", text.string()}}),
            blocks_of_two_cases(counting, {}));
}

TEST_F(Surgery, OneTokenHasNoLoss) {
  Bench one(bench_.model, {3});
  const Dataset dataset = run_with(one, {});
  EXPECT_TRUE(std::isnan(dataset["whole_loss"].tensor.item<double>()));
  EXPECT_TRUE(dataset["loss_increase"].tensor.isnan().all().item<bool>());
  EXPECT_FALSE(dataset["mean_kl"].tensor.isnan().any().item<bool>());
}

TEST_F(Surgery, RefusesWhatDoesNotFit) {
  // An empty list means all blocks in the typed call, which is not what `none` says.
  EXPECT_THAT(refusal({{"blocks", "none"}}), HasSubstr("separated by commas, at least one"));
  EXPECT_THAT(refusal({{"blocks", "3"}}),
              HasSubstr("block 3 of the model does not exist; give 0 to 2"));
  EXPECT_THAT(refusal({{"blocks", "x"}}), AllOf(HasSubstr("'x'"), HasSubstr("0,2-4")));
  EXPECT_THAT(refusal({{"blocks", "2-1"}}), HasSubstr("'2-1'"));
  EXPECT_THAT(refusal({{"blocks", "1,1"}}), HasSubstr("block 1 twice"));
  EXPECT_THAT(refusal({{"operation", "swap"}, {"blocks", "2"}}), HasSubstr("last block (2)"));
  EXPECT_THAT(refusal({{"operation", "reverse"}, {"blocks", "1"}}), HasSubstr("range of blocks"));
  EXPECT_THAT(refusal({{"operation", "permute"}}), HasSubstr("order="));
  EXPECT_THAT(refusal({{"operation", "permute"}, {"order", "0,9"}}), HasSubstr("block 9"));
  EXPECT_THAT(refusal({{"operation", "permute"}, {"order", "0,d1"}}), HasSubstr("block d1"));
  EXPECT_THAT(refusal({{"order", "0,1"}}), HasSubstr("order is given, but only operation=permute"));
  EXPECT_THAT(refusal({{"operation", "merge_heads"}}), HasSubstr("heads=1:0,1:3"));
  EXPECT_THAT(refusal({{"operation", "merge_heads"}, {"heads", "1:0"}}), HasSubstr("pairs"));
  EXPECT_THAT(refusal({{"operation", "merge_heads"}, {"heads", "1:0,2:1"}}),
              HasSubstr("two heads of one block"));
  EXPECT_THAT(refusal({{"operation", "merge_heads"}, {"heads", "1:0,1:7"}}),
              HasSubstr("head 1:7 does not exist"));
  EXPECT_THAT(refusal({{"operation", "donor"}}), HasSubstr("donor is missing"));
  EXPECT_THAT(refusal({{"operation", "donor"}, {"donor", lensbench::testing::kModel}}),
              AllOf(HasSubstr("width"), HasSubstr("24")));
  EXPECT_THAT(refusal({{"operation", "prune"}, {"parts", "heads"}}), HasSubstr("by=contribution"));
}

TEST(SurgeryOfOthers, RefusesMaskedModelsAndNeuronsOfMixtures) {
  EXPECT_THAT(message_of<UsageError>(
                  [] { LayerSurgeryTool().check_compatible(*Model::open(sample_folder("bert"))); }),
              HasSubstr("predicts masked tokens"));
  Bench mixture(Model::open(sample_folder("mixtral")), {1, 2, 3});
  EXPECT_THAT(message_of<UsageError>([&] {
                run_with(mixture, {{"operation", "prune"}});
              }),
              HasSubstr("parts=heads"));
}

TEST(SurgeryOfOthers, RefusesToMergeHeadsOfLatentAttention) {
  Bench latent(Model::open(sample_folder("deepseek_v2-lite")), {1, 2, 3});
  EXPECT_THAT(message_of<UsageError>([&] {
                run_with(latent, {{"operation", "merge_heads"}, {"heads", "1:0,1:1"}});
              }),
              HasSubstr("layer_surgery: 'deepseek_v2' makes the keys and values of all heads"));
}

TEST_F(Surgery, AnEmptyTextIsAnError) {
  TempDir folder;
  const auto empty = folder.write("empty.txt", "\n\n");
  EXPECT_THAT(message_of<InputError>([&] {
                run_with(bench_, {{"text", empty.string()}});
              }),
              HasSubstr("empty.txt"));
  const auto shorts = folder.write("short.jsonl", "{\"ids\": [3]}\n");
  EXPECT_THAT(refusal({{"text", shorts.string()}}), HasSubstr("at least 2 tokens"));
}

}  // namespace
}  // namespace lensbench::surgery
