#include "model/hooks/read_in_step.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "framework/model/vision/vision_samples.hpp"
#include "model/hooks/read_activations.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"

// Sequences that pass each block together, compared with forwards of each alone.

namespace lensbench {
namespace {

using Activations = std::map<std::string, at::Tensor>;

/// Every activation of a forward alone, bit for bit.
void expect_those_of_forwards_alone(const Model& model, const std::vector<Tokens>& prompts) {
  std::vector<TokenBatch> sequences;
  for (const Tokens& tokens : prompts) sequences.push_back(make_batch(tokens));
  std::vector<std::string> names;
  const bool pictures = !prompts.front().pictures.empty();
  for (const HookPoint& point : hook_points(model.spec()))
    if (pictures || !point.name.starts_with("vision_")) names.push_back(point.name);
  const auto all = read_activations_in_step(model, sequences, names, ForwardOptions::Logits::all);
  ASSERT_EQ(all.size(), sequences.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const Activations alone = read_activations(model, sequences[i], names);
    ASSERT_EQ(all[i].size(), alone.size());
    for (const auto& [name, activation] : alone)
      EXPECT_TRUE(all[i].at(name).equal(activation)) << name << " of prompt " << i;
  }
}

TEST(ReadInStep, GivesTextsOfAnyLengthTheBitsThatTheyHaveAlone) {
  for (const TransformerSpec& spec : {small_gpt2_spec(), small_llama_spec()}) {
    const auto model = random_model(spec, 3);
    expect_those_of_forwards_alone(
        *model, {tokens_from_ids(*model, {1, 2, 3}), tokens_from_ids(*model, {4}),
                 tokens_from_ids(*model, {5, 6, 7, 8, 9})});
  }
}

TEST(ReadInStep, GivesPicturesTheBitsThatTheyHaveAlone) {
  for (const char* family : {"qwen2_vl", "qwen2_5_vl"}) {
    const testing::VisionSample one(family, "two_pictures");
    const auto model = Model::open(one.directory().string());
    Tokens tokens = one.tokens(*model->spec().vision), other = tokens;
    other.pictures.front().rows = other.pictures.front().rows.neg();
    expect_those_of_forwards_alone(*model, {tokens, other});
  }
}

TEST(ReadInStep, RefusesAPointThatTheModelLacks) {
  const auto model = random_model(small_gpt2_spec(), 3);
  EXPECT_THAT(testing::message_of<UsageError>([&] {
                read_activations_in_step(*model, {make_batch(tokens_from_ids(*model, {1}))},
                                         {"blocks.0.hook_nothing"}, ForwardOptions::Logits::none);
              }),
              ::testing::HasSubstr("blocks.0.hook_nothing"));
}

}  // namespace
}  // namespace lensbench
