#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <map>

#include "framework/session/session_fixture.hpp"
#include "session/recipe.hpp"
#include "support/contexts.hpp"
#include "support/memory_sink.hpp"

// Calls of the tokenizer for the prompts of a run: by its plan, its cases and its reference
// prompts.

namespace lensbench {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Counts = std::map<std::string, int>;

/// Counts the calls of another tokenizer by text.
class CountingTokenizer final : public Tokenizer {
 public:
  CountingTokenizer(std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<Counts> counts)
      : tokenizer_(std::move(tokenizer)), counts_(std::move(counts)) {}
  Encoding encode(std::string_view text, bool add_special_tokens) const override {
    ++(*counts_)[std::string(text)];
    return tokenizer_->encode(text, add_special_tokens);
  }
  std::string decode(const std::vector<std::int64_t>& ids, bool skip) const override {
    return tokenizer_->decode(ids, skip);
  }
  std::string token_text(std::int64_t id) const override { return tokenizer_->token_text(id); }
  std::string token_bytes(std::int64_t id) const override { return tokenizer_->token_bytes(id); }
  std::optional<std::int64_t> id_of(std::string_view token) const override {
    return tokenizer_->id_of(token);
  }
  std::int64_t size() const override { return tokenizer_->size(); }
  std::optional<std::int64_t> bos_id() const override { return tokenizer_->bos_id(); }
  std::optional<std::int64_t> eos_id() const override { return tokenizer_->eos_id(); }
  bool is_special(std::int64_t id) const override { return tokenizer_->is_special(id); }
  std::string description() const override { return tokenizer_->description(); }
  std::vector<std::filesystem::path> files() const override { return tokenizer_->files(); }

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<Counts> counts_;
};

/// Another model with a tokenizer that counts its calls.
class CountedModel final : public Model {
 public:
  explicit CountedModel(std::shared_ptr<const Model> model)
      : model_(std::move(model)),
        tokenizer_(std::make_shared<CountingTokenizer>(model_->tokenizer(), counts)) {}
  const TransformerSpec& spec() const override { return model_->spec(); }
  const ModelOptions& options() const override { return model_->options(); }
  const std::filesystem::path& directory() const override { return model_->directory(); }
  std::vector<ModelFile> files() const override { return model_->files(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return tokenizer_; }
  std::vector<std::int64_t> end_of_sequence_ids() const override {
    return model_->end_of_sequence_ids();
  }
  ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options,
                        const Hooks& hooks) const override {
    return model_->forward(tokens, options, hooks);
  }
  at::Tensor final_norm(const at::Tensor& residual) const override {
    return model_->final_norm(residual);
  }
  at::Tensor unembed(const at::Tensor& normalized) const override {
    return model_->unembed(normalized);
  }
  const Unembedding& unembedding() const override { return model_->unembedding(); }
  at::Tensor weight(std::string_view name) const override { return model_->weight(name); }

  std::shared_ptr<Counts> counts = std::make_shared<Counts>();

 private:
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

class TokenizedOnce : public ::testing::Test {
 protected:
  TokenizedOnce() { host_.add(testing::fixture("second_prompt")); }

  /// Plans and runs both_prompts on the cases, and asks for the reference prompts.
  testing::MemorySink run(const std::vector<CaseInput>& cases) {
    Context context = testing::context_of(model_);
    auto bound = BoundExperiment::of_tool(host_, "both_prompts", context);
    const PluginInfo& entry = host_.find(PluginEntryKind::tool, "both_prompts");
    const Parameters parameters = host_.resolve(entry, {});
    plan_ = make_plan({}, context, host_, entry, bound.tools(), parameters, cases, {});
    testing::MemorySink sink;
    bound.run(cases, parameters, context, sink);
    reference_ = context.reference_prompts();
    return sink;
  }

  PluginHost host_{{.allow_insecure = true}};
  std::shared_ptr<const CountedModel> model_ =
      std::make_shared<CountedModel>(Model::open(testing::kModel));
  RunPlan plan_;
  std::vector<Tokens> reference_;
};

TEST_F(TokenizedOnce, IsEachPromptOfARun) {
  const testing::MemorySink sink =
      run({{"one", "And God said", {}, {{"corrupted", "And Moses said"}}},
           {"two", "In the beginning", {}, {{"corrupted", "And Moses said"}}}});
  ASSERT_EQ(sink.committed.size(), 2u);
  ASSERT_EQ(reference_.size(), 2u);
  EXPECT_THAT(*model_->counts,
              UnorderedElementsAre(Pair("And God said", 1), Pair("In the beginning", 1),
                                   Pair("And Moses said", 1)));
}

// What the plan tokenized is what the case sees, to the last field.
TEST_F(TokenizedOnce, GivesTheTokensThatTheTokenizerGives) {
  run({{"one", "And God said", {}, {{"corrupted", "And Moses said"}}}});
  const Tokens expected = to_tokens(*Model::open(testing::kModel), "And God said");
  EXPECT_EQ(plan_.cases[0].ids, expected.ids);
  EXPECT_EQ(reference_[0].ids, expected.ids);
  EXPECT_EQ(reference_[0].texts, expected.texts);
  EXPECT_EQ(reference_[0].text, expected.text);
  EXPECT_EQ(reference_[0].bos_added, expected.bos_added);
}

TEST_F(TokenizedOnce, IsAPromptThatTheTokenizerRefuses) {
  const Context context = testing::context_of(model_);
  const std::string empty;
  for (int i = 0; i < 2; ++i) EXPECT_THROW(context.tokens_of(empty), UsageError);
  EXPECT_THAT(*model_->counts, UnorderedElementsAre(Pair("", 1)));
}

}  // namespace
}  // namespace lensbench
