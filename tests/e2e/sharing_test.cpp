#include <lensbench/tools/layer_attribution.hpp>
#include <lensbench/tools/logit_lens.hpp>

#include "archive/archive_reader.hpp"
#include "bench/runner.hpp"
#include "support/command.hpp"
#include "support/contexts.hpp"
#include "support/folders.hpp"

// Forwards of the shipped tools: one a case, and the same bits with one for every request.

namespace lensbench {
namespace {

/// Counts the forwards of another model, and notes at which block each begins.
class CountingModel final : public Model {
 public:
  explicit CountingModel(std::shared_ptr<const Model> model) : model_(std::move(model)) {}
  const TransformerSpec& spec() const override { return model_->spec(); }
  const ModelOptions& options() const override { return model_->options(); }
  const std::filesystem::path& directory() const override { return model_->directory(); }
  std::vector<ModelFile> files() const override { return model_->files(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return model_->tokenizer(); }
  std::vector<std::int64_t> end_of_sequence_ids() const override {
    return model_->end_of_sequence_ids();
  }
  ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options,
                        const Hooks& hooks) const override {
    // Receipts run only the last block again.
    if (options.start_at_layer == 0) ++forwards;
    starts.push_back(options.stop_at_layer == 0 ? -1 : options.start_at_layer);
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

  mutable std::int64_t forwards = 0;
  mutable std::vector<std::int64_t> starts = {};  ///< -1: the embedding

 private:
  std::shared_ptr<const Model> model_;
};

class NoSink final : public ResultSink {
 public:
  std::vector<std::int64_t> done(std::int64_t) const override { return {}; }
  void commit(std::int64_t, std::int64_t, const std::map<std::string, Dataset>&,
              const CaseCosts&) override {}
  void commit_failure(std::int64_t, std::int64_t, const std::string& error,
                      const CaseCosts&) override {
    ADD_FAILURE() << error;
  }
  void commit_state(std::int64_t, std::int64_t, const std::string&, const Dataset&) override {}
  std::optional<Dataset> state(std::int64_t, std::int64_t, const std::string&) const override {
    return std::nullopt;
  }
  void note(std::int64_t, const std::string&) override {}
  Dataset read(std::int64_t, const std::string&) const override { return {}; }
  std::vector<std::string> names(std::int64_t) const override { return {}; }
};

/// Two tools, neither of which runs the model for reasons of its own (ablation would).
class LensAndAttribution final : public Experiment {
 public:
  void run(Case& c) override {
    c.save("lens", lens_->analyze(c.tokens(), {.top_k = 3}));
    LayerAttributionOptions options;
    options.ablation = {};
    c.save("attribution", attribution_->to_logit(c.tokens(), c.target(), options));
  }

 private:
  Uses<LogitLens> lens_{this, "logit_lens"};
  Uses<LayerAttribution> attribution_{this, "layer_attribution"};
};

/// Runs the experiment on three cases. \return the model, with its counts
std::shared_ptr<const CountingModel> run_three_cases(bool share, const RunControl& control = {}) {
  PluginHost host;
  host.load_directory(testing::build_folder() + "/lib/lensbench/plugins");
  const auto model = std::make_shared<CountingModel>(Model::open(kModel));
  Context context = testing::context_of(model, 0, share);
  ExperimentHandle experiment(new LensAndAttribution,
                              {[](void* object) { delete static_cast<Experiment*>(object); }});
  BoundExperiment bound(host, std::move(experiment), context);
  NoSink sink;
  const std::vector<CaseInput> cases = {
      {"a", "And God said", {}, {}}, {"b", "In the beginning", {}, {}}, {"c", "Amen", {}, {}}};
  const auto report = bound.run(cases, {}, context, sink, control);
  EXPECT_EQ(report.completed.size(), 3u);
  return model;
}

std::int64_t forwards_of_three_cases(bool share) {
  return run_three_cases(share)->forwards;
}

TEST(Sharing, CostsTwoShippedToolsOneForwardACase) {
  EXPECT_EQ(forwards_of_three_cases(true), 3);
}

TEST(Sharing, TurnedOffRunsAForwardForEveryRequest) {
  // The lens asks for the stream and for its end, the attribution for the outputs.
  EXPECT_EQ(forwards_of_three_cases(false), 3 * 3);
}

// The first 3 x (n + 1) forwards are parts: the embedding of the three cases, then each block of
// the three. Nothing after the last block is read. Receipts run the last block again.
TEST(CasesInStep, PassEachBlockBeforeTheNextBlockBegins) {
  RunControl control;
  control.in_step = true;
  const auto model = run_three_cases(true, control);
  const std::int64_t n = model->spec().n_layers;
  ASSERT_GE(std::ssize(model->starts), 3 * (n + 1));
  for (std::int64_t i = 0; i < 3 * (n + 1); ++i)
    EXPECT_EQ(model->starts[static_cast<std::size_t>(i)], i / 3 - 1) << i;
}

TEST(CasesInStep, HaveTheResultsThatTheyHaveAlone) {
  const TempDir folder;
  const auto run = [&](const char* place) {
    std::vector<std::string> words = {"run",      "first_look", "--model",  kModel,
                                      "--prompt", "Amen",       "--prompt", "In the beginning",
                                      "--quiet",  "--place",    place};
    const std::string file = folder / (std::string(place) + ".h5");
    words.insert(words.end(), {"--out", file});
    EXPECT_EQ(lensbench(words).exit_code, 0);
    return ArchiveReader(file);
  };
  const ArchiveReader in_step = run("stream"), alone = run("memory");
  for (const char* digest : {"results_sha256", "recipe_sha256"})
    EXPECT_EQ(in_step.attribute(digest), alone.attribute(digest)) << digest;
  EXPECT_EQ(in_step.run()["weights"], "stream");
  EXPECT_EQ(alone.run()["weights"], "memory");
}

TEST(CasesInStep, AreRefusedWhereEachCaseRunsAlone) {
  const Outcome outcome =
      lensbench({"tool", "logit_lens", "--model", kModel, "--prompt", "Amen", "--place", "stream",
                 "--no-share", "--out", TempDir() / "a.h5"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--no-share runs each case alone"));
}

TEST(Sharing, ChangesNoBitOfTheResultsNorTheRecipe) {
  const TempDir folder;
  for (const char* experiment : {"first_look", "prediction_trajectory"}) {
    const std::vector<std::string> run = {"run",      experiment,         "--model",
                                          kModel,     "--prompt",         "And God said",
                                          "--prompt", "In the beginning", "--quiet"};
    const std::string one = folder / (std::string(experiment) + "1.h5"),
                      other = folder / (std::string(experiment) + "2.h5");
    auto first = run, second = run;
    first.insert(first.end(), {"--out", one});
    second.insert(second.end(), {"--out", other, "--no-share"});
    ASSERT_EQ(lensbench(first).exit_code, 0);
    ASSERT_EQ(lensbench(second).exit_code, 0);
    const ArchiveReader shared(one), alone(other);
    for (const char* digest : {"results_sha256", "recipe_sha256"})
      EXPECT_EQ(shared.attribute(digest), alone.attribute(digest)) << experiment << " " << digest;
    EXPECT_EQ(shared.run()["activations"]["forwards"], 2) << experiment;
    EXPECT_GT(alone.run()["activations"]["forwards"], 2) << experiment;
  }
}

}  // namespace
}  // namespace lensbench
