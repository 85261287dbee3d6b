// What the tool refuses, records and checks, by requests.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <map>

#include "checkpoint/weights/safetensors.hpp"
#include "steering/directions.hpp"
#include "steering_fixture.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::steering {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

class SteeringRequests : public ::testing::Test {
 protected:
  Dataset run(Settings settings) {
    settings.emplace("neutral", neutral_);
    settings.emplace("controls", "2");
    const Request request(bench_.tokens, bench_.tool.parameters(settings));
    bench_.tool.check_parameters(request.parameters());
    return bench_.tool.run(request);
  }
  /// Runs along `direction` of a file.
  Dataset run_along(Settings settings) {
    settings.emplace("direction", direction_);
    return run(settings);
  }
  std::string fault(const Settings& settings) {
    return message_of<UsageError>([&] { run_along(settings); });
  }
  std::string bad_input(const Settings& settings) {
    return message_of<InputError>([&] { run(settings); });
  }
  std::string tensors(const std::string& name,
                      const std::map<std::string, at::Tensor>& tensors) const {
    write_safetensors(folder_ / name, tensors, {});
    return folder_ / name;
  }

  testing::TempDir folder_;
  at::Tensor v_ = at::sin(at::arange(1, 25, at::kFloat));
  std::string neutral_ = folder_.write("neutral.jsonl", "{\"ids\": [3, 9, 4, 20, 7]}\n");
  std::string direction_ = tensors("direction.safetensors", {{"direction", v_}});
  SteeringBench bench_{random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), {3, 17, 5, 9, 11}};
};

TEST_F(SteeringRequests, NeedExactlyOneSourceOfADirection) {
  EXPECT_THAT(message_of<UsageError>([&] { run({}); }),
              HasSubstr("a direction is missing; give either direction (a file)"));
  EXPECT_THAT(fault({{"plus", "a"}, {"minus", "b"}}), HasSubstr("more than one source"));
  EXPECT_THAT(fault({{"plus", "a"}}), HasSubstr("plus is given without minus; give both prompts"));
  EXPECT_THAT(fault({{"minus", "a"}}), HasSubstr("minus is given without plus"));
  EXPECT_THAT(fault({{"align", "-2"}}), HasSubstr("align is given, but only plus"));
}

TEST_F(SteeringRequests, RefuseGridsThatMeanNothing) {
  EXPECT_THAT(fault({{"alphas", "1,2"}}), HasSubstr("alphas lacks 0"));
  EXPECT_THAT(fault({{"alphas", "0"}}), HasSubstr("at least one other strength"));
  EXPECT_THAT(fault({{"alphas", "0,1,1"}}), HasSubstr("twice"));
  EXPECT_THAT(fault({{"mode", "project"}, {"alphas", "0,1"}}), HasSubstr("mode=project takes"));
  EXPECT_THAT(message_of<UsageError>([&] {
                run_along({{"alphas", "0,1"}, {"positions", "2"}, {"position", "1"}});
              }),
              HasSubstr("read at position 1, but the first steered token is at 2"));
  EXPECT_THAT(fault({{"layers", "4"}}), HasSubstr("layer 4 does not exist; give 0 (the embeddings) "
                                                  "to 3"));
  EXPECT_THAT(fault({{"layers", "2-9"}}), HasSubstr("layer 4 does not exist"));
  EXPECT_THAT(fault({{"layers", "-1"}}), HasSubstr("layer -1 does not exist"));
  EXPECT_THAT(fault({{"layers", "1,0-2"}}), HasSubstr("layer 1 is given twice"));
  EXPECT_THAT(fault({{"layers", "none"}}), HasSubstr("separated by commas, at least one"));
  EXPECT_THAT(fault({{"layers", "top"}}), HasSubstr("'top', expected middle, all, or numbers"));
  EXPECT_THAT(fault({{"metric", "kl"}}), HasSubstr("metric kl is always measured"));
  EXPECT_THAT(fault({{"controls", "0"}}), HasSubstr("controls"));
  EXPECT_THAT(fault({{"positions", "1,-4"}}), HasSubstr("position 1 is given twice"));
  EXPECT_THAT(fault({{"positions", "5"}}), HasSubstr("position 5"));
  EXPECT_THAT(fault({{"positions", "1"}, {"where", "last"}}), HasSubstr("give one of them"));
  EXPECT_THAT(fault({{"where", "generated"}, {"max_new_tokens", "1"}}),
              HasSubstr("needs max_new_tokens of at least 2"));
  EXPECT_THAT(fault({{"target_tokens", "3"}}), HasSubstr("nothing is generated"));
  EXPECT_THAT(fault({{"max_new_tokens", "1000"}}), HasSubstr("generate fewer tokens"));
  bench_.tokens = bench_.tokens_of({3});
  EXPECT_THAT(fault({}), HasSubstr("the prompt has one token; give a longer prompt, or scale=raw"));
  run_along({{"scale", "raw"}, {"alphas", "0,1"}});
}

TEST_F(SteeringRequests, RefuseFilesThatAreNoDirection) {
  const auto file = [&](const std::string& name) { return Settings{{"direction", name}}; };
  EXPECT_THAT(bad_input(file(tensors("wide.safetensors", {{"direction", at::ones({25})}}))),
              AllOf(HasSubstr("25"), HasSubstr("24")));
  EXPECT_THAT(bad_input(file(folder_.write("direction.pt", "\x80\x02}q."))), HasSubstr("pickle"));
  const auto unusable = [&](const Settings& settings) {
    return message_of<UsageError>([&] { run(settings); });
  };
  EXPECT_THAT(unusable(file(tensors("zero.safetensors", {{"direction", at::zeros({24})}}))),
              HasSubstr("is zero"));
  EXPECT_THAT(unusable(file(tensors("two.safetensors", {{"a", v_}, {"b", v_}}))),
              HasSubstr("has 2 tensors and none is named direction"));
  Settings matrix = file(tensors("matrix.safetensors", {{"W_dec", at::stack({v_, -v_})}}));
  EXPECT_THAT(unusable(matrix), HasSubstr("choose one with direction_row"));
  matrix["direction_row"] = "2";
  EXPECT_THAT(unusable(matrix), HasSubstr("has rows 0 to 1"));
  matrix["direction_row"] = "1";
  EXPECT_TRUE(run(matrix)["direction"].tensor[0].equal(-v_));
  EXPECT_THAT(fault({{"direction_row", "0"}}), HasSubstr("is not a matrix"));
}

TEST_F(SteeringRequests, TakeTheRowsThatAFileHasForTheLayers) {
  const std::string by_layer = tensors(
      "layers.safetensors",
      {{"direction", at::stack({v_, 2 * v_, 3 * v_})}, {"layer", at::tensor({3, 1, 0}, at::kInt)}});
  const Dataset result = run({{"direction", by_layer}, {"layers", "1,3"}, {"alphas", "0,1"}});
  EXPECT_TRUE(result["direction"].tensor.equal(at::stack({2 * v_, v_})));
  EXPECT_THAT(message_of<UsageError>([&] {
                run({{"direction", by_layer}, {"layers", "2"}});
              }),
              HasSubstr("lacks a row of layer 2"));
}

TEST_F(SteeringRequests, ReadPairsOfPrompts) {
  const auto pairs = [&](const std::string& text) {
    return Settings{{"pairs", folder_.write("pairs.jsonl", text)}, {"layers", "2"}};
  };
  const Dataset result =
      run(pairs("{\"plus_ids\": [1, 2], \"minus_ids\": [4, 5, 6]}\n\n"
                "{\"plus_ids\": [7], \"minus_ids\": [8], \"note\": 1}\n"));
  const auto last = [&](const std::vector<std::int64_t>& ids) {
    Context context = testing::context_of(bench_.model);
    const std::string hook = "blocks.1.hook_resid_post";
    return context.activations(bench_.tokens_of(ids), {hook}).at(hook)[0][-1].to(at::kDouble);
  };
  expect_near(result["direction"].tensor[0],
              (last({1, 2}) - last({4, 5, 6}) + last({7}) - last({8})) / 2, 1e-6);
  EXPECT_EQ(std::get<std::int64_t>(result.attributes.at("direction_pairs")), 2);
  EXPECT_THAT(bad_input(pairs("")), HasSubstr("is empty"));
  EXPECT_THAT(bad_input(pairs("{\"plus_ids\": [1]}\n")),
              HasSubstr("pairs.jsonl:1: expected exactly one of the fields minus and minus_ids"));
  EXPECT_THAT(bad_input(pairs("{\"plus_ids\": [1], \"minus_ids\": []}")), HasSubstr("token ids"));
  EXPECT_THAT(bad_input(pairs("{\"plus\": \"\", \"minus_ids\": [1]}")),
              HasSubstr("field plus: the prompt is empty"));
  EXPECT_THAT(bad_input(pairs("{\"plus_ids\": [1], \"minus_ids\": [999]}")), HasSubstr("999"));
  EXPECT_THAT(bad_input(pairs("[1]")), HasSubstr("expected a JSON object"));
  EXPECT_THAT(bad_input(pairs("{\"plus")), HasSubstr("expected a JSON object"));
  // At layer 0 two prompts that end alike do not differ.
  Settings same = pairs("{\"plus_ids\": [1, 2], \"minus_ids\": [4, 2]}");
  same["layers"] = "0";
  EXPECT_THAT(message_of<UsageError>([&] { run(same); }),
              HasSubstr("direction of layer 0 is zero"));
}

TEST_F(SteeringRequests, CountTheTargetInThePromptsOfTheDirection) {
  const auto with_target = [&](const std::string& target) {
    return std::get<std::int64_t>(
        run({{"pairs", folder_.write("pairs.jsonl",
                                     "{\"plus_ids\": [1, 2], \"minus_ids\": [2]}\n"
                                     "{\"plus_ids\": [7], \"minus_ids\": [8]}\n")},
             {"target", target}})
            .attributes.at("direction_prompts_with_target"));
  };
  EXPECT_EQ(with_target("2"), 2);
  EXPECT_EQ(with_target("8"), 1);
  EXPECT_EQ(with_target("9"), 0);
}

// The unit of alpha is the median length without the first token, whose stream may be huge.
TEST_F(SteeringRequests, MeasureAlphaInMedianLengthsWithoutTheFirstToken) {
  const auto streams = [&](const Tokens& tokens) {
    Context context = testing::context_of(bench_.model);
    const std::string hook = "blocks.1.hook_resid_post";
    return context.activations(tokens, {hook}).at(hook)[0].to(at::kDouble);
  };
  for (const std::vector<std::int64_t>& ids :
       {std::vector<std::int64_t>{3, 17, 5, 9, 11, 2}, {8, 1, 1, 4}}) {
    bench_.tokens = bench_.tokens_of(ids);
    const at::Tensor norms = streams(bench_.tokens).norm(2, {1}).narrow(0, 1, std::ssize(ids) - 1);
    const double median = std::get<0>(norms.sort())[(std::ssize(ids) - 1) / 2].item<double>();
    const Dataset result = run_along({{"layers", "2"}, {"alphas", "0,2"}});
    EXPECT_NEAR(result["stream_norm"].tensor.item<double>(), median, 1e-5 * median);
    EXPECT_NEAR(result["alpha_unit"].tensor.item<double>() * v_.norm().item<double>(), median,
                1e-5 * median);
    // The run that was made has the stream that this says.
    const auto model = with_interventions(bench_.model, bench_.tool.interventions(result, 2, 2));
    Context context = testing::context_of(model);
    const std::string hook = "blocks.1.hook_resid_post";
    const at::Tensor steered = context.activations(bench_.tokens, {hook}).at(hook)[0];
    const at::Tensor unit = v_.to(at::kDouble) / v_.to(at::kDouble).norm();
    expect_near(steered, streams(bench_.tokens) + 2 * median * unit, 1e-5);
  }
}

// A second question must not be answered with directions, units or texts of the first.
TEST_F(SteeringRequests, AnswerTheSameWhateverWasAskedBefore) {
  const Settings first = {{"alphas", "0,1"}, {"max_new_tokens", "3"}};
  const Dataset before = run_along(first);
  const std::string other = tensors("other.safetensors", {{"direction", at::ones({24})}});
  const Dataset between = run({{"direction", other}, {"alphas", "-3,0"}, {"layers", "3"}});
  EXPECT_FALSE(between["direction"].tensor.equal(before["direction"].tensor));
  testing::expect_equal(before, run_along(first));
  SteeringBench fresh(bench_.model, bench_.tokens.ids);
  Settings settings = first;
  settings.insert({{"direction", direction_}, {"neutral", neutral_}, {"controls", "2"}});
  testing::expect_equal(before, static_cast<Tool&>(fresh.tool).run(bench_.tokens, settings));
}

TEST_F(SteeringRequests, RecordTheirOptionsAndTheSchemaHolds) {
  for (const Settings& settings :
       {Settings{{"alphas", "0,1"}},
        {{"layers", "all"}, {"alphas", "-1,0,1"}},
        {{"mode", "project"}, {"where", "last"}, {"max_new_tokens", "2"}},
        {{"mode", "clamp"}, {"alphas", "0,1"}, {"positions", "-1,2"}},
        {{"where", "generated"}, {"max_new_tokens", "3"}, {"temperature", "0.7"}}}) {
    const Dataset result = run_along(settings);
    testing::expect_recorded(SteeringTool::kParameters, result);
    for (const char* name : {"direction_sha256", "neutral_sha256"})
      EXPECT_TRUE(result.attributes.contains(name)) << name;
    for (const char* name :
         {"definition", "base_run", "source_run", "sign", "rule", "samples", "seed_stream"})
      EXPECT_TRUE(result.attributes.contains(name)) << name;
    EXPECT_EQ(schema_problem({std::begin(kSteeringTable), std::end(kSteeringTable)}, result), "");
    expect_receipts_hold(result);
  }
  const Dataset all = run_along({{"layers", "all"}, {"alphas", "0,1"}});
  EXPECT_EQ(all["layer"].tensor.numel(), 4);  // the embeddings too
  EXPECT_GT(std::abs(row_of(all, "effect", 0)[1].item<double>()), 1e-3);
}

// A KL divergence of 1e-8 is dominated by the rounding of logits, which is not a fault.
TEST_F(SteeringRequests, HoldTheirReceiptsForAPushOfAlmostNothing) {
  expect_receipts_hold(run_along({{"layers", "all"}, {"alphas", "0,0.0001"}}));
}

TEST_F(SteeringRequests, DrawRandomDirectionsThatAreOrthogonalAndAsLong) {
  const at::Tensor drawn = random_directions(v_, 50, 3, 2).to(at::kDouble);
  const at::Tensor v = v_.to(at::kDouble);
  EXPECT_LT(drawn.matmul(v).abs().max().item<double>(), 1e-5);
  EXPECT_LT((drawn.norm(2, {1}) - v.norm()).abs().max().item<double>(), 1e-5);
  EXPECT_LT(drawn.mean(0).norm().item<double>(), 3 * v.norm().item<double>() / std::sqrt(50.0));
  EXPECT_TRUE(
      random_directions(v_, 9, 3, 2).equal(random_directions(v_, 50, 3, 2).narrow(0, 0, 9)));
  EXPECT_FALSE(random_directions(v_, 9, 4, 2).equal(random_directions(v_, 9, 3, 2)));
  EXPECT_FALSE(random_directions(v_, 9, 3, 1).equal(random_directions(v_, 9, 3, 2)));
}

TEST_F(SteeringRequests, SampleEachCellAsTheModelAloneDoes) {
  const Dataset result = run_along({{"alphas", "-1,0,0.5"},
                                    {"layers", "1,2"},
                                    {"max_new_tokens", "6"},
                                    {"temperature", "1"},
                                    {"where", "prompt"}});
  const at::Tensor ids = result["generated_id"].tensor;
  for (const std::int64_t layer : {1, 2})
    for (std::int64_t a = 0; a < 3; ++a) {
      const double alpha = result["alpha"].tensor[a].item<double>();
      const auto model =
          with_interventions(bench_.model, bench_.tool.interventions(result, layer, alpha));
      GenerationOptions options;
      options.max_new_tokens = 6;
      options.sampling.temperature = 1;
      std::vector<std::int64_t> alone = generate(*model, bench_.tokens, options);
      alone.resize(6, -1);
      EXPECT_TRUE(ids[layer - 1][a].to(at::kLong).equal(at::tensor(alone, at::kLong))) << alpha;
    }
}

}  // namespace
}  // namespace lensbench::steering
