#include "activation_patching/causal_tracing.hpp"
#include "facts/facts.hpp"
#include "families.hpp"
#include "support/contexts.hpp"
#include "support/results.hpp"
#include "support/word_tokenizer.hpp"

namespace lensbench::families {
namespace {

/// Facts in the words of `word_tokenizer`, with objects of one to three tokens.
std::vector<Fact> word_facts() {
  const auto fact = [](const char* subject, const char* object) {
    return Fact{.subject = subject, .relation = "r", .object = object, .templates = {"t5 {} t9"}};
  };
  return {fact("t3 t4", "t17"), fact("t11", "t20 t1"), fact("t8", "t2 t6 t7"), fact("t10", "t13")};
}

class FactFamilies : public ::testing::TestWithParam<std::string> {
 protected:
  static bool causal() { return GetParam().find("bert") == std::string::npos; }
};

TEST_P(FactFamilies, AreAskedTracedAndMappedOrRefused) {
  const auto found = answer_or_refusal<facts::FactsTool>(
      testing::sample_with_words(GetParam()), [](facts::FactsTool& tool, const Tokens&) {
        return tool.ask(word_facts(),
                        {.samples = 2, .relation_map = true, .map_layer = 0, .most_rows = 5});
      });
  EXPECT_EQ(found.has_value(), causal());
}

/// Both tools on one model.
struct BothTools {
  explicit BothTools(const std::string& sample) : model(testing::sample_with_words(sample)) {
    facts.attach(context);
    tracing.attach(context);
  }
  Tokens tokens(const std::string& text) const { return to_tokens(*model, text); }
  /// Peaks of the first fact at token 2 are those of the whole map.
  static void expect_equal(const Dataset& found, const Dataset& whole) {
    const at::Tensor effects = whole["indirect_effect"].tensor.select(2, 2);  // [kind, block]
    for (std::int64_t kind = 0; kind < 2; ++kind) {
      const double peak = effects[kind].max().item<double>();
      EXPECT_NEAR(testing::value_at(found, "peak_effect", {0, kind}), peak, 1e-6);
      const double block = testing::value_at(found, "peak_block", {0, kind});
      EXPECT_NEAR(effects[kind][static_cast<std::int64_t>(block)].item<double>(), peak, 1e-6);
    }
    EXPECT_NEAR(testing::value_at(found, "total_effect", {0}),
                testing::value_at(whole, "total_effect"), 1e-6);
    EXPECT_EQ(found.contains("control_total_effect"), whole.contains("control_total_effect"));
    if (!found.contains("control_total_effect")) return;
    EXPECT_NEAR(testing::value_at(found, "control_total_effect", {0}),
                testing::value_at(whole, "control_total_effect"), 1e-6);
  }

  std::shared_ptr<const Model> model;
  Context context = testing::context_of(model);
  facts::FactsTool facts;
  tracing::CausalTracingTool tracing;
};

// Corruption and windows are equal, so the numbers are those of the tool that shows the whole map.
TEST_P(FactFamilies, HaveThePeaksOfCausalTracing) {
  if (!causal()) GTEST_SKIP() << "refused";
  BothTools tools(GetParam());
  const Tokens prompt = tools.tokens("t5 t3 t4 t9");
  const Target object = Target::token(17);
  const CausalTracingOptions options{.samples = 2, .kinds = {"state", "mlp"}, .window = 2};
  BothTools::expect_equal(
      tools.facts.ask(word_facts(), {.corruption = "noise", .samples = 2, .window = 2}),
      tools.tracing.trace(prompt, {1, 2}, object, options));
  // A shorter neutral subject is repeated at its start, a longer one cut there.
  std::vector<Fact> one = {word_facts().front()};
  one.front().candidates = {"t17", "t18"};
  for (const auto& [neutral, replaced] : {std::pair{"t11", "t5 t11 t11 t9"},
                                          {"t7 t11", "t5 t7 t11 t9"},
                                          {"t8 t12 t13", "t5 t12 t13 t9"}}) {
    one.front().neutral = {neutral};
    BothTools::expect_equal(
        tools.facts.ask(one, {.window = 2}),
        tools.tracing.trace_replaced(prompt, tools.tokens(replaced), object, options));
  }
}

INSTANTIATE_TEST_SUITE_P(Samples, FactFamilies, ::testing::ValuesIn(testing::sample_models()),
                         test_name);

}  // namespace
}  // namespace lensbench::families
