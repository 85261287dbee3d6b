// Every tool: a typed call with its default options is the request with the default parameters, and
// its answer has the options that the call had.
#include <map>
#include <set>

#include "activation_patching/activation_patching.hpp"
#include "activation_patching/causal_tracing.hpp"
#include "activations/activations.hpp"
#include "attention/attention.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "composition/composition.hpp"
#include "edge_attribution/edge_attribution.hpp"
#include "facts/facts.hpp"
#include "families.hpp"
#include "framework/model/vision/vision_samples.hpp"
#include "input_attribution/input_attribution.hpp"
#include "interchange/interchange.hpp"
#include "jacobian_lens/jacobian_lens.hpp"
#include "layer_attribution/layer_attribution.hpp"
#include "layer_surgery/layer_surgery.hpp"
#include "logit_lens/logit_lens.hpp"
#include "neurons/neuron_explorer.hpp"
#include "neurons/sparsity.hpp"
#include "path_patching/path_patching.hpp"
#include "probe/probe.hpp"
#include "residual_geometry/residual_geometry.hpp"
#include "sparse_autoencoder/sparse_autoencoder.hpp"
#include "steering/steering.hpp"
#include "support/recorded_options.hpp"
#include "support/temp_dir.hpp"
#include "support/word_tokenizer.hpp"
#include "token_analyzer/token_analyzer.hpp"
#include "tuned_lens/tuned_lens.hpp"
#include "vision_lens/vision_lens.hpp"

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
    // What a formula compared, so that two archives can be.
    for (const char* name :
         {"definition", "base_run", "source_run", "sign", "rule", "samples", "seed_stream"})
      EXPECT_TRUE(typed.attributes.contains(name)) << name;
    std::erase_if(generic.attributes, [&](const auto& attribute) {
      return told.contains(attribute.first) && !typed.attributes.contains(attribute.first);
    });
    testing::expect_equal(typed, generic);
  }
};

const Settings kPair = {{"corrupted_ids", "3 20 5 9 11 17 5 9"}};

TEST(TypedCalls, OfActivationPatchingHaveTheDefaultsOfRequests) {
  TypedBench<patching::ActivationPatchingTool> bench;
  bench.expect_answer(bench.tool.patch(bench.tokens, bench.other(), Target::model(), {}), kPair);
}

TEST(TypedCalls, OfActivationsHaveTheDefaultsOfRequests) {
  TypedBench<activations::ActivationsTool> bench;
  bench.expect_answer(bench.tool.read(bench.tokens, {}));
}

TEST(TypedCalls, OfAttentionHaveTheDefaultsOfRequests) {
  TypedBench<attention::AttentionTool> bench;
  bench.expect_answer(bench.tool.analyze(bench.tokens, {}));
}

TEST(TypedCalls, OfCausalTracingHaveTheDefaultsOfRequests) {
  TypedBench<tracing::CausalTracingTool> bench;
  bench.expect_answer(bench.tool.trace(bench.tokens, {1, 2}, Target::model(), {}),
                      {{"subject_tokens", "1,2"}});
}

TEST(TypedCalls, OfCompositionHaveTheDefaultsOfRequests) {
  TypedBench<composition::CompositionTool> bench;
  bench.expect_answer(bench.tool.analyze({}));
}

TEST(TypedCalls, OfEdgeAttributionHaveTheDefaultsOfRequests) {
  TypedBench<edges::EdgeAttributionTool> bench;
  bench.expect_answer(bench.tool.attribute_edges(bench.tokens, bench.other(), Target::model(), {}),
                      kPair);
}

TEST(TypedCalls, OfFactsHaveTheDefaultsOfRequests) {
  const testing::TempDir folder;
  const auto file =
      folder.write("facts.jsonl",
                   R"({"subject": "t3 t4", "relation": "r", "object": "t17", "templates": ["t5 {}"]}
{"subject": "t11", "relation": "r", "object": "t20", "templates": ["t5 {}"]}
)");
  TypedBench<facts::FactsTool> bench;
  bench.expect_answer(bench.tool.ask(bench.tool.read(file), {}), {{"facts", file.string()}},
                      {"facts", "facts_sha256", "subject", "object", "candidates", "neutral"});
}

TEST(TypedCalls, OfInputAttributionHaveTheDefaultsOfRequests) {
  TypedBench<inputs::InputAttributionTool> bench;
  bench.expect_answer(bench.tool.attribute(bench.tokens, Target::model(), {}));
}

TEST(TypedCalls, OfInterchangeHaveTheDefaultsOfRequests) {
  const testing::TempDir folder;
  std::string pairs;
  for (int i = 0; i < 8; ++i)
    pairs += "{\"base_ids\": [3, " + std::to_string(7 + i) + "], \"source_ids\": [4, " +
             std::to_string(7 + i) + "], \"expected\": " + std::to_string(5 + i % 2) + "}\n";
  const std::string file = folder.write("pairs.jsonl", pairs);
  TypedBench<interchange::InterchangeTool> bench;
  bench.expect_answer(bench.tool.exchange(bench.tool.read(file), {}), {{"pairs", file}},
                      {"pairs", "pairs_sha256"});
}

TEST(TypedCalls, OfJacobianLensHaveTheDefaultsOfRequests) {
  const testing::TempDir folder;
  const std::string text = folder.write("text.jsonl", R"({"ids": [3, 17, 5, 9, 11, 17]})");
  // The result of a fit names the files of its model, which must be there.
  const auto model = Model::open(testing::data_folder() + "/models/gpt2");
  TypedBench<jacobian::JacobianLensTool> bench(model);
  JacobianLensFit fit;
  fit.text = text;
  fit.skip_first = 1;
  const Dataset fitted = bench.tool.fit(bench.tokens, fit, {});
  bench.expect_answer(fitted, {{"mode", "fit"}, {"text", text}, {"skip_first", "1"}});

  const std::string lens = folder / "lens.safetensors";
  write_safetensors(lens, std::map<std::string, at::Tensor>{{"J.0", fitted["jacobian"].tensor[0]}});
  bench.expect_answer(bench.tool.read(bench.tokens, lens, {}), {{"lens", lens}},
                      {"text", "n_prompts", "length", "skip_first", "layers", "seed_batch"});
}

TEST(TypedCalls, OfLayerAttributionHaveTheDefaultsOfRequests) {
  TypedBench<attribution::LayerAttributionTool> bench;
  bench.expect_answer(bench.tool.to_logit(bench.tokens, Target::model(), {}));
}

TEST(TypedCalls, OfLayerSurgeryHaveTheDefaultsOfRequests) {
  TypedBench<surgery::LayerSurgeryTool> bench;
  for (const auto& [operation, name] :
       {std::pair{SurgeryOperation::delete_block, "delete"}, {SurgeryOperation::prune, "prune"}})
    bench.expect_answer(bench.tool.operate(bench.tokens, operation, {}), {{"operation", name}});
}

/// Expects the argument as it was given, and the number of windows that the text had.
void expect_windows(const Dataset& dataset) {
  EXPECT_EQ(std::get<std::int64_t>(dataset.attributes.at("windows")), 5);
  EXPECT_EQ(std::get<std::int64_t>(dataset.attributes.at("windows_measured")), 2);
}

TEST(TypedCalls, RecordWindowsAsGivenAndHowManyThereWere) {
  const testing::TempDir folder;
  const std::string text =
      folder.write("text.jsonl", "{\"ids\": [3, 17, 5]}\n{\"ids\": [1, 2, 9, 4]}\n");
  TypedBench<surgery::LayerSurgeryTool> surgery;
  expect_windows(surgery.tool.operate(surgery.tokens, SurgeryOperation::delete_block,
                                      {.text = text, .windows = 5}));
  TypedBench<geometry::ResidualGeometryTool> geometry;
  expect_windows(geometry.tool.measure(geometry.tokens, {.text = text, .windows = 5}));
  TypedBench<neurons::SparsityTool> sparsity;
  expect_windows(sparsity.tool.measure(sparsity.tokens, {.text = text, .windows = 5}));
  TypedBench<neurons::NeuronExplorerTool> explorer;
  expect_windows(
      explorer.tool.explore(explorer.tokens, Target::model(), {.text = text, .windows = 5}));
}

TEST(TypedCalls, OfLogitLensHaveTheDefaultsOfRequests) {
  TypedBench<lens::LogitLensTool> bench;
  bench.expect_answer(bench.tool.analyze(bench.tokens, {}));
}

TEST(TypedCalls, OfNeuronExplorerHaveTheDefaultsOfRequests) {
  TypedBench<neurons::NeuronExplorerTool> bench;
  bench.expect_answer(bench.tool.explore(bench.tokens, Target::model(), {}));
}

TEST(TypedCalls, OfPathPatchingHaveTheDefaultsOfRequests) {
  TypedBench<paths::PathPatchingTool> bench;
  bench.expect_answer(bench.tool.patch_paths(bench.tokens, bench.other(), Target::model(), {}),
                      kPair);
}

TEST(TypedCalls, OfProbeHaveTheDefaultsOfRequests) {
  const testing::TempDir folder;
  std::string examples;
  for (int i = 0; i < 12; ++i)
    examples +=
        "{\"ids\": [" + std::to_string(3 + i) + ", 5], \"label\": " + std::to_string(i % 2) + "}\n";
  const std::string file = folder.write("examples.jsonl", examples);
  TypedBench<probing::ProbeTool> bench;
  bench.expect_answer(bench.tool.fit(bench.tool.read(file), {}), {{"examples", file}},
                      {"examples", "examples_sha256"});
}

TEST(TypedCalls, OfResidualGeometryHaveTheDefaultsOfRequests) {
  TypedBench<geometry::ResidualGeometryTool> bench;
  bench.expect_answer(bench.tool.measure(bench.tokens, {}));
}

TEST(TypedCalls, OfSparsityHaveTheDefaultsOfRequests) {
  TypedBench<neurons::SparsityTool> bench;
  bench.expect_answer(bench.tool.measure(bench.tokens, {}));
}

TEST(TypedCalls, OfSparseAutoencoderHaveTheDefaultsOfRequests) {
  const std::string sae = testing::data_folder() + "/sparse_autoencoder/standard";
  TypedBench<dictionaries::SparseAutoencoderTool> bench;
  // Those of a training are not options of a reading.
  bench.expect_answer(
      bench.tool.read(bench.tokens, sae, Target::model(), {}), {{"sae", sae}},
      {"latents", "k", "steps", "tokens_per_step", "learning_rate", "auxiliary", "held_out"});
}

TEST(TypedCalls, ThatTrainASparseAutoencoderHaveTheDefaultsOfRequests) {
  const testing::TempDir folder;
  const auto text = folder.write("text.jsonl", R"({"ids": [3, 17, 5, 9, 11, 17]}
{"ids": [4, 18, 6, 10, 12, 18]}
)");
  // The result names the files of its model, which must be there.
  TypedBench<dictionaries::SparseAutoencoderTool> bench(
      Model::open(testing::data_folder() + "/models/gpt2"));
  const SparseAutoencoderTraining training{
      .text = text.string(), .steps = 2, .tokens_per_step = 6, .held_out = 0.5};
  bench.expect_answer(bench.tool.train(bench.tokens, training, Target::model(),
                                       {.hook = "blocks.0.hook_resid_post"}),
                      {{"mode", "train"},
                       {"hook", "blocks.0.hook_resid_post"},
                       {"text", text.string()},
                       {"steps", "2"},
                       {"tokens_per_step", "6"},
                       {"held_out", "0.5"}});
}

TEST(TypedCalls, OfSteeringHaveTheDefaultsOfRequests) {
  TypedBench<steering::SteeringTool> bench;
  const std::int64_t middle = bench.model->spec().n_layers / 2;
  const at::Tensor direction = bench.tool.difference({{bench.tokens, bench.other()}}, {middle}, -1);
  bench.expect_answer(
      bench.tool.steer(bench.tokens, direction, Target::model(), {}),
      {{"plus", "t3 t17 t5 t9 t11 t17 t5 t9"}, {"minus", "t3 t20 t5 t9 t11 t17 t5 t9"}},
      {"direction", "direction_row", "plus", "minus", "pairs", "align", "direction_pairs",
       "direction_prompts_with_target"});
}

TEST(TypedCalls, OfTokenAnalyzerHaveTheDefaultsOfRequests) {
  TypedBench<TokenAnalyzerTool> bench;
  bench.expect_answer(bench.tool.analyze(bench.tokens, {}));
}

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
  // The result names the files of its model, which must be there.
  TypedBench<tuned::TunedLensTool> bench(Model::open(testing::data_folder() + "/models/gpt2"));
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

TEST(TypedCalls, OfVisionLensHaveTheDefaultsOfRequests) {
  TypedBench<vision_lens::VisionLensTool> bench(
      Model::open(testing::data_folder() + "/vision_models/qwen2_5_vl"));
  bench.tokens =
      testing::VisionSample("qwen2_5_vl", "two_pictures").tokens(*bench.model->spec().vision);
  bench.tokens.texts.assign(bench.tokens.ids.size(), "t");
  bench.expect_answer(bench.tool.analyze(bench.tokens, {}, {}));
}

}  // namespace
}  // namespace lensbench::families
