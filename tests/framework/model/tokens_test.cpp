#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <memory>
#include <string>
#include <vector>

#include "support/changed_checkpoint.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"

namespace lensbench {
namespace {

using lensbench::testing::ChangedCheckpoint;
using lensbench::testing::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Expected values: TransformerLens 4.3.0 on this model, whose tokenizer adds no BOS by itself.
TEST(ToTokens, AddsABosOnlyWhereItIsAskedFor) {
  const auto model = Model::open(testing::source_folder() + "/models/kjv-gpt2");
  const Tokens own = to_tokens(*model, " the God of Abraham");
  EXPECT_THAT(own.ids, ElementsAre(259, 387, 269, 1276));
  EXPECT_FALSE(own.bos_added);
  EXPECT_EQ(own.text, " the God of Abraham");
  EXPECT_EQ(to_tokens(*model, " the God of Abraham", false).ids, own.ids);
  const Tokens with = to_tokens(*model, " the God of Abraham", true);
  EXPECT_THAT(with.ids, ElementsAre(0, 259, 387, 269, 1276));
  EXPECT_TRUE(with.bos_added);
  EXPECT_THAT(to_str_tokens(*model, " the God of Abraham", true),
              ElementsAre("<|endoftext|>", " the", " God", " of", " Abraham"));
  EXPECT_THAT(to_str_tokens(*model, std::vector<std::int64_t>{387, 0}),
              ElementsAre(" God", "<|endoftext|>"));
  EXPECT_THAT(to_tokens(*model, "", true).ids, ElementsAre(0));
}

TEST(ToTokens, ReadsATextOfOneToken) {
  const auto model = Model::open(testing::source_folder() + "/models/kjv-gpt2");
  EXPECT_EQ(to_single_token(*model, " Jacob"), 995);
  EXPECT_EQ(to_single_token(*model, "5"), 21);  // the text, not an id
  EXPECT_THAT(message_of<UsageError>([&] { to_single_token(*model, " of Abraham"); }),
              AllOf(HasSubstr("2 tokens"), HasSubstr("' of', ' Abraham'")));
  EXPECT_THAT(message_of<UsageError>([&] { to_single_token(*model, ""); }), HasSubstr("empty"));
}

/// A tokenizer of two letters whose template starts with `<s>` and ends with `</s>`.
constexpr const char* kTemplate = R"({
  "added_tokens": [{"id": 2, "content": "<s>", "special": true},
                   {"id": 3, "content": "</s>", "special": true}],
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
               {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [2], "tokens": ["<s>"]},
                       "</s>": {"id": "</s>", "ids": [3], "tokens": ["</s>"]}}},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}})";

TEST(ToTokens, FollowsTheRuleOfTheTokenizerUnlessToldOtherwise) {
  const auto model = ChangedCheckpoint("llama").open_with(kTemplate);
  const Tokens own = to_tokens(*model, "ab");
  EXPECT_THAT(own.ids, ElementsAre(2, 0, 1, 3));
  EXPECT_TRUE(own.bos_added);
  EXPECT_THAT(to_tokens(*model, "ab", true).ids, ElementsAre(2, 0, 1, 3));  // not a second one
  const Tokens without = to_tokens(*model, "ab", false);
  EXPECT_THAT(without.ids, ElementsAre(0, 1, 3));
  EXPECT_FALSE(without.bos_added);
  EXPECT_EQ(to_single_token(*model, "b"), 1);  // without the template
}

TEST(ToTokens, SaysThatTheTokenizerHasNoBos) {
  const auto model = ChangedCheckpoint("llama").open_with(
      R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})");
  EXPECT_THAT(message_of<UsageError>([&] { to_tokens(*model, "a", true); }),
              HasSubstr("does not have a BOS token"));
  EXPECT_THAT(message_of<UsageError>([&] { to_tokens(*model, ""); }),
              HasSubstr("the text gives no tokens"));
}

}  // namespace
}  // namespace lensbench
