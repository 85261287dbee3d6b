#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "bench/case_input.hpp"
#include "experiments/experiment_run.hpp"
#include "support/embedded_model.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

// Values that the shipped experiments pass on to tools, refused before the first case.

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::kModel;
using testing::message_of;

class PassedOn : public ::testing::Test {
 protected:
  PassedOn() { host_.load_directory(testing::build_folder() + "/lib/lensbench/plugins"); }

  void check(const std::string& experiment, const Settings& given) {
    const PluginInfo& entry = host_.find(PluginEntryKind::experiment, experiment);
    BoundExperiment bound(host_, create_experiment(host_, experiment), context_);
    set_reference_cases(context_, {{"one", "And God said", {}, {}}});
    bound.check_parameters(host_.resolve(entry, given), context_.model());
  }
  template <class E = UsageError>
  std::string refusal(const std::string& experiment, const Settings& given) {
    return message_of<E>([&] { check(experiment, given); });
  }

  testing::TempDir folder_;
  PluginHost host_;
  Context context_{Model::open(kModel), 0};
};

TEST_F(PassedOn, ByDefaultIsNothingThatAToolRefuses) {
  for (const PluginInfo& entry : host_.entries()) {
    if (entry.kind != PluginEntryKind::experiment) continue;
    Settings given;
    if (entry.name == "model_comparison") given["other"] = kModel;
    if (entry.name == "domain_shift")
      given = {{"tuned", kModel}, {"terms", folder_.write("terms.txt", " Lord\n")}};
    if (entry.name == "training_dynamics") given["checkpoints"] = kModel + "/checkpoints/step-400";
    EXPECT_NO_THROW(check(entry.name, given)) << entry.name;
  }
}

TEST_F(PassedOn, IsTheAblationOfLayerResponsibility) {
  EXPECT_THAT(refusal("layer_responsibility", {{"ablation", "mean"}}),
              HasSubstr("expected at least 2"));
  const std::string good = folder_.write("good.txt", "In the beginning\nAnd God said\n");
  EXPECT_NO_THROW(check("layer_responsibility", {{"ablation", "mean"}, {"reference", good}}));
  EXPECT_THAT(refusal("layer_responsibility", {{"ablation", "zero"}, {"reference", good}}),
              HasSubstr("only ablation 'mean' uses it"));
  const std::string bad = folder_.write("bad.jsonl", "{\"ids\": [99999]}\n");
  EXPECT_THAT(
      refusal<InputError>("layer_responsibility", {{"ablation", "mean"}, {"reference", bad}}),
      HasSubstr("bad.jsonl:1"));
}

TEST_F(PassedOn, IsTheNumberOfCandidates) {
  for (const char* name : {"first_look", "prediction_trajectory", "generation_audit"})
    EXPECT_THAT(refusal(name, {{"top_k", "99999"}}), HasSubstr("top_k")) << name;
}

TEST_F(PassedOn, IsTheOtherModelUnderAnotherName) {
  EXPECT_NO_THROW(check("model_comparison", {{"other", kModel + "/checkpoints/step-400"}}));
  EXPECT_THAT(refusal("model_comparison", {{"other", testing::data_folder() + "/models/gpt2"}}),
              HasSubstr("vocabular"));
  EXPECT_THAT(refusal("model_comparison", {{"other", kModel}, {"top_k", "99999"}}),
              HasSubstr("top_k"));
}

class OwnParameters : public PassedOn {};

TEST_F(OwnParameters, AreRefusedBeforeTheFirstCase) {
  const std::string other = testing::data_folder() + "/models/gpt2";
  const std::string terms = folder_.write("terms.txt", " Lord\n");
  EXPECT_THAT(refusal<InputError>("domain_shift", {{"tuned", other}, {"terms", terms}}),
              HasSubstr("cannot be compared"));
  const std::string unknown = folder_.write("unknown.txt", " Lord\nnot one token\n");
  EXPECT_THAT(refusal<InputError>("domain_shift", {{"tuned", kModel}, {"terms", unknown}}),
              HasSubstr("unknown.txt:2"));
  EXPECT_THAT(refusal<InputError>("domain_shift", {{"tuned", kModel}, {"terms", kModel}}),
              HasSubstr("give a text file"));
  EXPECT_THAT(refusal<InputError>("training_dynamics", {{"checkpoints", other}}),
              HasSubstr("is not a moment of the training"));
  EXPECT_THAT(refusal("training_dynamics", {{"checkpoints", ","}}), HasSubstr("empty list"));
  EXPECT_THAT(refusal("training_dynamics",
                      {{"checkpoints", kModel + "/checkpoints/step-400"}, {"steps", "400"}}),
              HasSubstr("expected 2"));
  EXPECT_THAT(refusal("induction_heads", {{"length", "200"}}), HasSubstr("positions"));
  EXPECT_THAT(refusal("answer_sources", {{"template", "{question}"}}), HasSubstr("{passages}"));
}

}  // namespace
}  // namespace lensbench
