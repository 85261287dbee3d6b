#include "grading/claims/claim.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <limits>

#include "grading/claims/claimed_items.hpp"
#include "grading/run/graded_settings.hpp"
#include "support/error_matchers.hpp"

namespace lensbench::grading {
namespace {

using lensbench::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(Claims, HaveANameConditionsAndASign) {
  const Claim claim =
      parse_claim("effect.zero where ablation=zero where kind=head negated", "variable 'x'");
  EXPECT_EQ(claim.name, "effect.zero");
  EXPECT_THAT(claim.where, ElementsAre(Pair("ablation", "zero"), Pair("kind", "head")));
  EXPECT_TRUE(claim.negated);
  EXPECT_FALSE(parse_claim("readout.rank", "variable 'x'").negated);
}

TEST(Claims, OfAnUnknownNameAreRefusedWithTheNearest) {
  EXPECT_THAT(
      message_of<UsageError>([] { parse_claim("effect.zeros", "variable 'x'"); }),
      AllOf(HasSubstr("variable 'x'"), HasSubstr("did you mean"), HasSubstr("effect.zero")));
}

TEST(Claims, OfAnotherFormAreRefused) {
  for (const char* text : {"", "effect.dla where", "effect.dla where a", "effect.dla where =b",
                           "effect.dla negated where a=b", "effect.dla if a=b"})
    EXPECT_THAT(message_of<UsageError>([&] { parse_claim(text, "variable 'x'"); }),
                HasSubstr("expected NAME [where DIM=LABEL]... [negated]"))
        << text;
}

TEST(Claims, OfAVariableAreATextOrAList) {
  Variable variable{.name = "v", .tensor = at::tensor({1.0})};
  EXPECT_TRUE(claims_of(variable).empty());
  variable.attributes["claim"] = "effect.dla";
  EXPECT_EQ(claims_of(variable).size(), 1u);
  variable.attributes["claim"] = std::vector<std::string>{"effect.zero", "effect.mean"};
  EXPECT_EQ(claims_of(variable).at(1).name, "effect.mean");
  variable.attributes["claim"] = std::int64_t{3};
  EXPECT_THROW(claims_of(variable), UsageError);
}

class DistributionClaim : public ::testing::Test {
 protected:
  static ClaimedItems items_of(const at::Tensor& values, std::vector<std::string> dims) {
    Dataset dataset;
    dataset.add("entropy", std::move(dims), values, "nats", "entropy");
    return claimed_items(dataset, dataset["entropy"], parse_claim("distribution.entropy", "e"), {},
                         {}, 0);
  }
};

TEST_F(DistributionClaim, IsAboutAllTokensButTheFirst) {
  EXPECT_THAT(items_of(at::tensor({0.5, 1.5, 2.5}), {"token"}).values,
              ElementsAre(Pair("1", 1.5), Pair("2", 2.5)));
}

TEST_F(DistributionClaim, RefusesOtherAxes) {
  EXPECT_THAT(message_of<UsageError>([] {
                items_of(at::tensor({0.5, 1.5}).unsqueeze(0), {"a", "token"});
              }),
              HasSubstr("[token]"));
}

TEST(EdgeClaim, NamesEdgesByTheTextsOfTheResult) {
  Dataset dataset;
  const auto add = [&](const char* name, std::vector<std::string> texts) {
    dataset.add({.name = name, .dims = {"edge"}, .strings = std::move(texts), .coordinate = true});
  };
  dataset.add("score", {"edge"}, at::tensor({1.5, -0.5}), "1", "score of an edge");
  const Claim claim = parse_claim("edge.noise negated", "score");
  EXPECT_THAT(
      message_of<UsageError>([&] { claimed_items(dataset, dataset["score"], claim, {}, {}, 0); }),
      HasSubstr("the texts 'source' [edge]"));
  add("source", {"embed", "L0H0"});
  add("target", {"L0H0", "logits"});
  add("slot", {"v", "in"});
  EXPECT_THAT(claimed_items(dataset, dataset["score"], claim, {}, {}, 0).values,
              UnorderedElementsAre(Pair("embed>L0H0.v", -1.5), Pair("L0H0>logits.in", 0.5)));
}

/// Numbers of a variable as a claim reads them, about a prompt of two tokens in a model of two
/// blocks whose stream has three numbers.
ItemValues items_of(const Dataset& dataset, const char* variable, const char* claim) {
  TransformerSpec spec;
  spec.n_layers = 2;
  spec.d_model = 3;
  Task task;
  task.prompts.resize(1);
  task.prompts[0].ids = {4, 2};
  return claimed_items(dataset, dataset[variable], parse_claim(claim, variable), spec, task, 0)
      .values;
}

TEST(FeatureClaims, HaveANumberOfEachDirection) {
  Dataset dataset;
  dataset.add("decoder", {"feature", "d_model"},
              at::tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}).view({2, 3}), "1", "directions");
  EXPECT_THAT(items_of(dataset, "decoder", "feature.direction"),
              UnorderedElementsAre(Pair("0,0", 1), Pair("0,1", 2), Pair("0,2", 3), Pair("1,0", 4),
                                   Pair("1,1", 5), Pair("1,2", 6)));
}

TEST(FeatureClaims, OfDirectionsOfAnotherWidthAreRefused) {
  Dataset dataset;
  dataset.add("decoder", {"feature", "d_model"}, at::tensor({1.0, 2.0}).view({1, 2}), "1", "short");
  EXPECT_THAT(message_of<UsageError>([&] { items_of(dataset, "decoder", "feature.direction"); }),
              AllOf(HasSubstr("as many numbers as the stream has"),
                    HasSubstr("found [feature of length 1, d_model of length 2]")));
}

/// The most active features of each token: their numbers and how active they are.
Dataset most_active(const std::vector<std::int64_t>& ids, const std::vector<double>& values) {
  Dataset dataset;
  dataset.add("feature_id", {"token", "rank"}, at::tensor(ids).view({-1, 2}), "1", "which");
  dataset.add("active", {"token", "rank"}, at::tensor(values).view({-1, 2}), "1", "how much");
  return dataset;
}

// The second token has one active feature: the other place is filled with -1.
TEST(FeatureClaims, TakeTheMostActiveFeaturesByTheirNumbers) {
  EXPECT_THAT(
      items_of(most_active({5, 2, 7, -1}, {0.5, 0.25, 2.0, 0.0}), "active", "feature.activation"),
      UnorderedElementsAre(Pair("5,0", 0.5), Pair("2,0", 0.25), Pair("7,1", 2)));
}

TEST(FeatureClaims, AnswerAPromptOnWhichNoFeatureIsActive) {
  EXPECT_THAT(items_of(most_active({-1, -1, -1, -1}, {0, 0, 0, 0}), "active", "feature.activation"),
              UnorderedElementsAre(Pair("0,0", 0)));
}

// A number more would be taken for one of the next prompt.
TEST(FeatureClaims, OfMoreTokensThanThePromptHasAreRefused) {
  EXPECT_THAT(message_of<UsageError>([] {
                items_of(most_active({1, 2, 1, 2, 1, 2}, {1, 1, 1, 1, 1, 1}), "active",
                         "feature.activation");
              }),
              HasSubstr("the 2 tokens of the prompt, found 3"));
}

TEST(PresenceClaim, IsTheMeanOverFoldsOfEachLayerThatIsAStream) {
  Dataset dataset;
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  dataset.add("layer", {"point"}, at::tensor({0, -1, 2}), "1", "layer of a point");
  dataset.add("accuracy", {"point", "fold"},
              at::tensor({0.1, 0.3, 0.5, 0.5, 1.0, nan}).view({3, 2}), "1", "accuracy");
  dataset.add("selectivity", {"point"}, at::tensor({0.0, 0.0, 0.75}), "1", "selectivity");
  EXPECT_THAT(items_of(dataset, "accuracy", "presence"),
              UnorderedElementsAre(Pair("0", ::testing::DoubleEq(0.2)), Pair("2", 1.0),
                                   Pair("selectivity 0", 0.0), Pair("selectivity 2", 0.75)));
}

TEST(PresenceClaim, OfPointsWithoutLayersIsRefused) {
  Dataset dataset;
  dataset.add("accuracy", {"point"}, at::tensor({0.1, 0.3}), "1", "accuracy");
  EXPECT_THAT(message_of<UsageError>([&] { items_of(dataset, "accuracy", "presence"); }),
              HasSubstr("the coordinate layer"));
}

// Whether the first of two is the stream before or after the first block is not known.
TEST(PresenceClaim, OfAsManyLayersAsBlocksIsRefused) {
  Dataset dataset;
  dataset.add("accuracy", {"layer"}, at::tensor({0.25, 0.5}), "1", "accuracy");
  EXPECT_THAT(message_of<UsageError>([&] { items_of(dataset, "accuracy", "presence"); }),
              AllOf(HasSubstr("one layer more than blocks"), HasSubstr("[layer of length 2]")));
  dataset.add_coordinate("layer", at::tensor({1, 2}), "stream");
  EXPECT_THAT(items_of(dataset, "accuracy", "presence"),
              UnorderedElementsAre(Pair("1", 0.25), Pair("2", 0.5)));
}

TEST(GradedSettings, KeepCommasWithinAValue) {
  EXPECT_THAT(parse_settings("direction=noise,points=attn_out,mlp_out,head_points=z", "t"),
              ElementsAre(Pair("direction", "noise"), Pair("head_points", "z"),
                          Pair("points", "attn_out,mlp_out")));
  EXPECT_TRUE(parse_settings("", "t").empty());
  EXPECT_THROW(parse_settings("noise", "t"), UsageError);
}

TEST(GradedSettings, TakeFieldsOfThePromptBelowGivenValues) {
  PromptPair prompt;
  prompt.ids = {1, 2};
  prompt.corrupted_ids = {1, 3};
  prompt.answer = 5;
  prompt.position = 1;
  prompt.sources = {{"subject", 0}};
  std::vector<ParameterInfo> declared(4);
  declared[0].name = "target";
  declared[1].name = "versus";
  declared[2].name = "corrupted_ids";
  declared[3].name = "position";
  EXPECT_THAT(
      bound_settings(declared, prompt, {{"position", "-1"}}, {{"place", "sources.subject"}}),
      UnorderedElementsAre(Pair("target", "5"), Pair("corrupted_ids", "1 3"),
                           Pair("position", "-1"), Pair("place", "0")));
  EXPECT_THAT(message_of<UsageError>([&] { field_text(prompt, "foils"); }), HasSubstr("foil"));
}

/// A question at position 1 of a model of 2 blocks with 2 heads.
struct Asked {
  TransformerSpec spec;
  Task task;
  Asked() {
    spec.n_layers = 2;
    spec.attention.n_heads = 2;
    task.prompts.push_back({});
    task.prompts[0].ids = {0, 1, 2};
    task.prompts[0].position = 1;
    task.attention.emplace_back();
    task.attention[0].head = "L1H0";
    task.attention[0].keys = {0};
  }
  ItemValues items(const Dataset& dataset, const char* claim) const {
    return claimed_items(dataset, dataset["v"], parse_claim(claim, "v"), spec, task, 0).values;
  }
};

TEST(ClaimedItems, OfHeadsAreReadAtTheAskedPosition) {
  Dataset dataset;
  // Value of block b, head h and token t: 6 b + 3 h + t.
  dataset.add("v", {"layer", "head", "token"}, at::arange(12.0).reshape({2, 2, 3}), "1", "");
  EXPECT_THAT(Asked().items(dataset, "effect.dla"),
              ElementsAre(Pair("L0H0", 1), Pair("L0H1", 4), Pair("L1H0", 7), Pair("L1H1", 10)));
}

TEST(ClaimedItems, OfComponentsLeaveOutOtherLabels) {
  Dataset dataset;
  dataset.add_coordinate("component", {"embed", "0_attn_out", "1_mlp_out", "bias"});
  dataset.add_coordinate("ablation", {"zero", "mean"});
  dataset.add("v", {"ablation", "component"}, at::arange(8.0).reshape({2, 4}), "1", "");
  EXPECT_THAT(Asked().items(dataset, "effect.mean where ablation=mean negated"),
              ElementsAre(Pair("0_attn_out", -5), Pair("1_mlp_out", -6)));
  EXPECT_THAT(
      message_of<UsageError>([&] { Asked().items(dataset, "effect.mean where ablation=zeros"); }),
      HasSubstr("the labels are zero, mean"));
}

TEST(ClaimedItems, OfBlocksAreNamedByTheirPoint) {
  Dataset dataset;
  dataset.add("v", {"block"}, at::tensor({1.5, 2.5}), "1", "");
  EXPECT_THAT(message_of<UsageError>([&] { Asked().items(dataset, "effect.noise"); }),
              HasSubstr("attribute point"));
  dataset.set_attribute("v", "point", "mlp_out");
  EXPECT_THAT(Asked().items(dataset, "effect.noise"),
              ElementsAre(Pair("0_mlp_out", 1.5), Pair("1_mlp_out", 2.5)));
}

TEST(ClaimedItems, OfTheStreamAreAllPlaces) {
  Dataset dataset;
  dataset.add("v", {"block", "token"}, at::arange(6.0).reshape({2, 3}), "1", "");
  dataset.set_attribute("v", "point", "resid_pre");
  const auto items = Asked().items(dataset, "effect.denoise");
  EXPECT_EQ(items.size(), 6u);
  EXPECT_EQ(items.at(stream_item(1, 2)), 5);
}

TEST(ClaimedItems, OfReadoutsNeedALayerMoreThanBlocks) {
  Dataset dataset;
  dataset.add("v", {"layer", "token"}, at::arange(9.0).reshape({3, 3}), "1", "");
  EXPECT_THAT(Asked().items(dataset, "readout.rank"),
              ElementsAre(Pair("0", 1), Pair("1", 4), Pair("2", 7)));
  Dataset blocks;
  blocks.add("v", {"layer", "token"}, at::arange(6.0).reshape({2, 3}), "1", "");
  EXPECT_THROW(Asked().items(blocks, "readout.rank"), UsageError);
}

TEST(ClaimedItems, OfAttentionAreTheMassOnTheKnownKey) {
  Dataset dataset;
  dataset.add("v", {"block", "head", "query_position", "key_position"},
              at::arange(36.0).reshape({2, 2, 3, 3}), "1", "");
  // Block 1, head 0, query 1, key 0: 18 + 0 + 3 + 0.
  EXPECT_THAT(Asked().items(dataset, "attention.source"), ElementsAre(Pair("L1H0", 21)));
}

}  // namespace
}  // namespace lensbench::grading
