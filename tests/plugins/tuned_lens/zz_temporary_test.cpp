// Every tool: a typed call with its default options is the request with the default parameters, and
// its answer has the options that the call had.
#include <set>

#include "plugins/families/families.hpp"
#include "support/recorded_options.hpp"
#include "support/temp_dir.hpp"
#include "support/word_tokenizer.hpp"
#include "tuned_lens/tuned_lens.hpp"

namespace lensbench::families {
namespace {

/// A prompt and one of the same length that differs in its second token.
const std::vector<std::int64_t> kPrompt = {3, 17, 5, 9, 11, 17, 5, 9};
const std::vector<std::int64_t> kOther = {3, 20, 5, 9, 11, 17, 5, 9};

/// Parameters whose tokens are in the result as coordinates or variables.
const std::set<std::string> kPrompts = {"corrupted", "corrupted_ids", "subject", "subject_tokens",
                                        "replacement"};

/// A tool on a small model whose tokenizer has the words `t0`, `t1`, …
template <class ToolClass>
struct TypedBench : testing::ToolBench<ToolClass> {
  TypedBench() : TypedBench(testing::sample_with_words("gpt2")) {}
  explicit TypedBench(const std::shared_ptr<const Model>& given)
      : testing::ToolBench<ToolClass>(given, kPrompt) {
    this->tool.attach(this->context, testing::declared(ToolClass::kParameters));
  }
  Tokens other() const { return tokens_from_ids(*this->model, kOther); }

  /// Expects the answer of a typed call from a request that gives nothing but `needed`, which does
  /// not have a default.
  /// \param told  parameters that the answer may have more: how a request gives what the typed
  ///   call has as an object
  void expect_answer(const Dataset& typed, const Settings& needed = {},
                     const std::set<std::string>& told = {}) {
    Dataset generic = static_cast<Tool&>(this->tool).run(this->tokens, needed);
    for (const ParameterSpec& parameter : ToolClass::kParameters) {
      const std::string name = parameter.name;
      EXPECT_TRUE(typed.attributes.contains(name) || kPrompts.contains(name) || told.contains(name))
          << name;
    }
    std::erase_if(generic.attributes, [&](const auto& attribute) {
      return told.contains(attribute.first) && !typed.attributes.contains(attribute.first);
    });
    testing::expect_equal(typed, generic);
  }
};

TEST(TypedCalls, OfTunedLensHaveTheDefaultsOfRequests) {
  const std::string lens = testing::data_folder() + "/tuned_lens/gpt2";
  TypedBench<tuned::TunedLensTool> bench;
  // Those of a training are not options of a reading.
  std::set<std::string> of_training;
  for (const ParameterSpec& parameter : tuned::TunedLensTool::kParameters)
    of_training.insert(parameter.name);
  for (const char* name : {"mode", "lens", "top_k", "target", "compare"}) of_training.erase(name);
  bench.expect_answer(bench.tool.read(bench.tokens, lens, {}), {{"lens", lens}}, of_training);
}

TEST(TypedCalls, ThatTrainATunedLensHaveTheDefaultsOfRequests) {
  const testing::TempDir folder;
  const auto text = folder.write("text.jsonl", R"({"ids": [3, 17, 5, 9, 11, 17]}
{"ids": [4, 18, 6, 10, 12, 18]}
)");
  TypedBench<tuned::TunedLensTool> bench;
  TunedLensTraining training;
  training.text = text.string();
  training.steps = 2;
  training.tokens_per_step = 6;
  training.held_out = 0.5;
  bench.expect_answer(bench.tool.train(bench.tokens, training, {}), {{"mode", "train"},
                                                                     {"text", text.string()},
                                                                     {"steps", "2"},
                                                                     {"tokens_per_step", "6"},
                                                                     {"held_out", "0.5"}});
}

}  // namespace
}  // namespace lensbench::families
