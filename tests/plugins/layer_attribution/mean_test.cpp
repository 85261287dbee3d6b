// Ablation of heads, and means over reference prompts. Expected values are brute force: a full
// forward for each replaced activation, of means that are computed here in float64.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <functional>

#include "attribution_fixture.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/recorded_options.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::attribution {
namespace {

using ::lensbench::testing::message_of;
using ::lensbench::testing::TempDir;
using ::testing::HasSubstr;
using Prompts = std::vector<std::vector<std::int64_t>>;

// Float32 forwards in batches of another size, for logits of size about 1.
constexpr double kBruteForce = 2e-5;

const Prompts kPrompts = {{3, 17, 5, 5, 11}, {7, 1}, {20, 4, 4, 9, 2, 13, 8}};

class MeanAblation : public ::testing::TestWithParam<const char*> {
 protected:
  MeanAblation() {
    tool_.attach(context_, testing::declared(LayerAttributionTool::kParameters),
                 "tool 'layer_attribution'");
  }

  void set_cases(const Prompts& prompts) {
    ContextAccess::set_reference_prompts(context_, [this, prompts] {
      std::vector<Tokens> all;
      for (const auto& ids : prompts) all.push_back(tokens_from_ids(*model_, ids));
      return all;
    });
  }
  Dataset run(const std::string& ablation, const std::string& reference = {}) {
    LayerAttributionOptions options;
    options.ablation = {ablation};
    options.reference = reference;
    return tool_.to_logit(tokens_, Target::token(6), options);
  }
  /// Mean of an activation over all positions of prompts, [...] float64.
  at::Tensor mean_of(const std::string& hook, const Prompts& prompts) const {
    std::vector<at::Tensor> rows;
    Hooks hooks;
    hooks.read(hook, [&](const at::Tensor& value, const HookPoint&) {
      rows.push_back(value[0].to(at::kDouble));
    });
    for (const auto& ids : prompts)
      model_->forward(make_batch(tokens_from_ids(*model_, ids)), {}, hooks);
    return at::cat(rows).mean(0);
  }
  /// Change of the logit of token 6 in a full forward with an activation replaced, [token].
  at::Tensor effect(const std::string& hook, const HookReplacer& replacer) const {
    Hooks hooks;
    hooks.replace(hook, replacer);
    const TokenBatch batch = make_batch(tokens_);
    const at::Tensor changed = model_->forward(batch, {}, hooks).logits[0].select(1, 6);
    return (changed - model_->forward(batch).logits[0].select(1, 6)).to(at::kDouble);
  }
  at::Tensor effect_of_mean(const std::string& hook, const at::Tensor& mean) const {
    return effect(hook, [&](const at::Tensor& value, const HookPoint&) {
      return mean.to(value.scalar_type()).expand_as(value).clone();
    });
  }
  at::Tensor effect_of_head(std::int64_t layer, std::int64_t head, const at::Tensor& z) const {
    return effect("blocks." + std::to_string(layer) + ".attn.hook_z",
                  [&](const at::Tensor& value, const HookPoint&) {
                    at::Tensor changed = value.clone();
                    changed.select(2, head).copy_(z);
                    return changed;
                  });
  }

  std::shared_ptr<const Model> model_ =
      random_model(std::string(GetParam()) == "gpt2" ? small_gpt2_spec() : small_llama_spec(), 5,
                   at::kFloat, 0.3);
  Tokens tokens_ = tokens_from_ids(*model_, kPrompts.front());
  Context context_ = testing::context_of(model_);
  LayerAttributionTool tool_;
};

void expect_close(const at::Tensor& values, const at::Tensor& expected, const std::string& what) {
  EXPECT_LT((values - expected).abs().max().item<double>(), kBruteForce) << what;
}

/// Calls `visit` with every head of a model.
void for_each_head(const Model& model,
                   const std::function<void(std::int64_t layer, std::int64_t head)>& visit) {
  for (std::int64_t layer = 0; layer < model.spec().n_layers; ++layer)
    for (std::int64_t head = 0; head < model.spec().attention.n_heads; ++head) visit(layer, head);
}

TEST_P(MeanAblation, ReplacesSublayersByTheirMeansOverTheCases) {
  set_cases(kPrompts);
  const Dataset dataset = run("mean");
  double largest = 0;
  for (std::int64_t layer = 0; layer < model_->spec().n_layers; ++layer)
    for (const char* part : {"attn_out", "mlp_out"}) {
      const std::string label = std::to_string(layer) + "_" + part;
      const std::string hook = "blocks." + std::to_string(layer) + ".hook_" + part;
      const at::Tensor expected = effect_of_mean(hook, mean_of(hook, kPrompts));
      expect_close(dataset["ablation_effect"].tensor[0][component_index(dataset, label)], expected,
                   label);
      largest = std::max(largest, expected.abs().max().item<double>());
    }
  EXPECT_GT(largest, 0.01);  // otherwise nothing was compared
}

TEST_P(MeanAblation, ReplacesHeadsByZeroOrAMean) {
  set_cases(kPrompts);
  const Dataset zero = run("zero"), mean = run("mean"), of_prompt = run("mean_of_prompt");
  for_each_head(*model_, [&](std::int64_t layer, std::int64_t head) {
    const std::string hook = "blocks." + std::to_string(layer) + ".attn.hook_z";
    const std::string what = std::to_string(layer) + ", head " + std::to_string(head);
    const auto measured = [&](const Dataset& dataset) {
      return dataset["head_ablation_effect"].tensor[0][layer][head];
    };
    expect_close(measured(zero), effect_of_head(layer, head, at::zeros({1})), "zero " + what);
    expect_close(measured(mean), effect_of_head(layer, head, mean_of(hook, kPrompts)[head]),
                 "mean " + what);
    expect_close(measured(of_prompt),
                 effect_of_head(layer, head, mean_of(hook, {kPrompts.front()})[head]),
                 "mean_of_prompt " + what);
  });
}

TEST_P(MeanAblation, ReadsReferencePromptsFromAFile) {
  const TempDir folder;
  const auto file = folder.write("many.jsonl",
                                 "{\"ids\": [3, 17, 5, 5, 11]}\n{\"ids\": [7, 1]}\n"
                                 "{\"ids\": [20, 4, 4, 9, 2, 13, 8]}\n");
  const Dataset of_file = run("mean", file.string());
  set_cases(kPrompts);
  const Dataset of_cases = run("mean");
  for (const char* name : {"ablation_effect", "head_ablation_effect"})
    EXPECT_TRUE(at::equal(of_file[name].tensor.nan_to_num(), of_cases[name].tensor.nan_to_num()));
  EXPECT_EQ(of_file.attributes.at("reference"), Attribute(std::string("many.jsonl")));
  EXPECT_EQ(of_cases.attributes.at("reference"), Attribute(std::string("cases")));
  for (const Dataset& dataset : {of_file, of_cases}) {
    EXPECT_EQ(dataset.attributes.at("reference_prompts"), Attribute(std::int64_t{3}));
    EXPECT_EQ(dataset.attributes.at("reference_tokens"), Attribute(std::int64_t{14}));
  }
}

TEST_P(MeanAblation, FollowsTheCasesOfTheRun) {
  set_cases(kPrompts);
  const Dataset first = run("mean");
  set_cases({kPrompts[0], kPrompts[1]});
  const Dataset second = run("mean");
  EXPECT_EQ(second.attributes.at("reference_prompts"), Attribute(std::int64_t{2}));
  EXPECT_FALSE(
      at::equal(first["head_ablation_effect"].tensor, second["head_ablation_effect"].tensor));
}

TEST_P(MeanAblation, NeedsMoreThanOnePrompt) {
  const auto refused = [&](const Settings& given) {
    return message_of<UsageError>([&] { tool_.check_parameters(tool_.parameters(given)); });
  };
  EXPECT_THAT(refused({{"ablation", "mean"}}), HasSubstr("found 0 prompts"));
  set_cases({kPrompts.front()});
  EXPECT_THAT(refused({{"ablation", "zero,mean"}}), HasSubstr("found 1 prompt in this run"));
  EXPECT_THAT(message_of<UsageError>([&] { run("mean"); }), HasSubstr("found 1 prompt"));
  EXPECT_THAT(refused({{"reference", "a.txt"}}), HasSubstr("only ablation 'mean' uses it"));
  EXPECT_THAT(refused({{"neurons", "1000000"}}),
              HasSubstr("neurons is 1000000, but the model has"));
  EXPECT_NO_THROW(tool_.check_parameters(tool_.parameters({})));
  set_cases(kPrompts);
  EXPECT_NO_THROW(tool_.check_parameters(tool_.parameters({{"ablation", "mean"}})));
}

TEST_P(MeanAblation, NeedsMoreThanOnePromptInAFile) {
  const TempDir folder;
  const auto file = folder.write("one.jsonl", "{\"ids\": [3, 17, 5]}\n");
  EXPECT_THAT(message_of<UsageError>([&] {
                tool_.check_parameters(
                    tool_.parameters({{"ablation", "mean"}, {"reference", file.string()}}));
              }),
              HasSubstr("found 1 prompt in one.jsonl"));
}

constexpr const char* kKeptMeans = "run_layer_attribution_means";

TEST_P(MeanAblation, KeepsItsSumsForTheProcessThatGoesOn) {
  set_cases(kPrompts);
  const Dataset first = run("mean");
  ContextAccess::begin_case(context_);
  const auto kept = context_.committed(kKeptMeans);
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ((*kept)["done"].tensor.item<std::int64_t>(), 3);
  EXPECT_EQ((*kept)["tokens"].tensor.item<std::int64_t>(), 14);

  // A tool of another process, which takes up what was kept: it would not see these numbers else.
  (*kept)["z"].tensor.mul_(2);
  context_.commit(kKeptMeans, *kept);
  LayerAttributionTool other;
  other.attach(context_, testing::declared(LayerAttributionTool::kParameters));
  LayerAttributionOptions options;
  options.ablation = {"mean"};
  const Dataset second = other.to_logit(tokens_, Target::token(6), options);
  EXPECT_FALSE(at::equal(first["head_ablation_effect"].tensor.nan_to_num(),
                         second["head_ablation_effect"].tensor.nan_to_num()));
  EXPECT_TRUE(at::equal(first["ablation_effect"].tensor.nan_to_num(),
                        second["ablation_effect"].tensor.nan_to_num()))
      << "the sums of the outputs of attention and MLP are as they were";
}

TEST_P(MeanAblation, GoesOnWithTheSumsOverSomeOfThePrompts) {
  set_cases(kPrompts);
  const Dataset whole = run("mean");
  const auto of_all = context_.committed(kKeptMeans);
  set_cases({kPrompts[0], kPrompts[1]});
  run("mean");
  auto of_two = context_.committed(kKeptMeans);
  ASSERT_TRUE(of_all && of_two);
  // State that a process leaves which was ended after two of the three prompts.
  (*of_two)["request"].tensor.copy_((*of_all)["request"].tensor);
  context_.commit(kKeptMeans, *of_two);
  set_cases(kPrompts);
  const Dataset resumed = run("mean");
  for (const char* name : {"ablation_effect", "head_ablation_effect"})
    EXPECT_TRUE(at::equal(whole[name].tensor.nan_to_num(), resumed[name].tensor.nan_to_num()));
  EXPECT_EQ(resumed.attributes.at("reference_prompts"), Attribute(std::int64_t{3}));
}

TEST_P(MeanAblation, NamesTheLineOfAReferenceThatCannotBeRead) {
  const TempDir folder;
  const auto file = folder.write("many.jsonl", "{\"ids\": [1]}\n{\"ids\": [1000000]}\n");
  EXPECT_THAT(message_of<InputError>([&] {
                tool_.check_parameters(
                    tool_.parameters({{"ablation", "mean"}, {"reference", file.string()}}));
              }),
              HasSubstr("many.jsonl:2: "));
}

TEST_P(MeanAblation, RecordsTheOptionsOfACall) {
  const Dataset generic = tool_.Tool::run(tokens_, {});
  testing::expect_recorded(LayerAttributionTool::kParameters, generic);
  testing::expect_equal(static_cast<LayerAttribution&>(tool_).to_logit(tokens_), generic);
  EXPECT_EQ(generic.attributes.at("ablation"),
            Attribute(std::vector<std::string>{"zero", "mean_of_prompt"}));
  EXPECT_EQ(generic.attributes.at("reference"), Attribute(std::string("none")));
}

INSTANTIATE_TEST_SUITE_P(Families, MeanAblation, ::testing::Values("gpt2", "llama"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace lensbench::attribution
