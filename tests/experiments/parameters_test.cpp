#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "bench/case_input.hpp"
#include "experiments/experiment_run.hpp"
#include "support/contexts.hpp"
#include "support/embedded_model.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

// Values that the shipped experiments pass on to tools, refused before the first case.

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::kModel;
using testing::message_of;

const std::string kTemplate = "And {A} spake unto {B}, and {B} said unto\n";
const std::string kNames =
    "David\nMoses\nSaul\nJacob\nAaron\nSolomon\nPharaoh\nAbraham\nJoseph\nJoshua\nPeter\n";

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
  Context context_ = testing::context_of(Model::open(kModel));
};

TEST_F(PassedOn, ByDefaultIsNothingThatAToolRefuses) {
  for (const PluginInfo& entry : host_.entries()) {
    if (entry.kind != PluginEntryKind::experiment) continue;
    Settings given;
    // It needs a model with a vision tower.
    if (entry.name == "concept_emergence") continue;
    // A mean over one prompt is refused.
    if (entry.name == "agreement")
      given["reference"] = folder_.write("reference.txt", "In the beginning\nAnd God said\n");
    if (entry.name == "model_comparison") given["other"] = kModel;
    if (entry.name == "domain_shift")
      given = {{"tuned", kModel}, {"terms", folder_.write("terms.txt", " Lord\n")}};
    if (entry.name == "indirect_object_identification")
      given = {{"templates", folder_.write("templates.txt", kTemplate)},
               {"names", folder_.write("names.txt", kNames)}};
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

TEST_F(PassedOn, IsTheAblationOfAgreement) {
  // In the words of the experiment: the tool calls the parameter `source`.
  EXPECT_THAT(
      refusal("agreement", {}),
      AllOf(HasSubstr("agreement: ablation=mean is a mean over at least 2 prompts, and this "
                      "run has fewer; give more pairs"),
            Not(HasSubstr("activation_patching"))));
  const std::string one = folder_.write("one.txt", "In the beginning\n");
  EXPECT_THAT(refusal("agreement", {{"reference", one}}), HasSubstr("one.txt' has fewer"));
  const std::string good = folder_.write("good.txt", "In the beginning\nAnd God said\n");
  EXPECT_NO_THROW(check("agreement", {{"reference", good}}));
  EXPECT_THAT(refusal("agreement", {{"ablation", "zero"}, {"reference", good}}),
              HasSubstr("agreement: reference is"));
}

TEST_F(PassedOn, IsTheAblationOfCircuits) {
  EXPECT_THAT(refusal("circuit_discovery", {{"ablation", "mean"}}), HasSubstr("at least 2"));
  const std::string good = folder_.write("good.txt", "In the beginning\nAnd God said\n");
  EXPECT_NO_THROW(check("circuit_discovery", {{"ablation", "mean"}, {"reference", good}}));
  EXPECT_THAT(refusal("circuit_discovery", {{"reference", good}}),
              HasSubstr("only ablation mean uses it"));
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
  EXPECT_THAT(refusal("training_dynamics",
                      {{"checkpoints", kModel + "/checkpoints/step-400"}, {"steps", "400"}}),
              HasSubstr("expected 2"));
  EXPECT_THAT(refusal("induction_heads", {{"length", "200"}}), HasSubstr("positions"));
  EXPECT_THAT(refusal("answer_sources", {{"template", "{question}"}}), HasSubstr("{passages}"));
}

TEST_F(OwnParameters, OfProbingAreAPositionAndPenalties) {
  EXPECT_THAT(refusal("probing", {{"position", "middle"}}),
              HasSubstr("expected last, first, mean, marker, or an index"));
  EXPECT_NO_THROW(check("probing", {{"position", "-2"}}));
  EXPECT_THAT(refusal("probing", {{"lambdas", "none"}}),
              HasSubstr("separated by commas, at least one"));
}

TEST_F(OwnParameters, OfSentencesNameFileAndLine) {
  const auto names = folder_.write("names.txt", kNames);
  const auto of_template = [&](const std::string& text) {
    return refusal<InputError>("indirect_object_identification",
                               {{"templates", folder_.write("t.txt", text)}, {"names", names}});
  };
  EXPECT_THAT(of_template(kTemplate + "\nAnd {A} said unto {B}\n"),
              AllOf(HasSubstr("t.txt:3: "), HasSubstr("{B} 1 times, expected once and twice")));
  EXPECT_THAT(of_template("And {B} saw {B} and {A} said unto\n"),
              HasSubstr("{A} comes after the second {B}"));
  EXPECT_THAT(of_template("{A} and {B} went, and {B} said unto\n"),
              HasSubstr("lacks the blank before it"));
  EXPECT_THAT(of_template("And {A} and {B} saw {B}\n"), HasSubstr("ends with a slot"));
  EXPECT_THAT(of_template("And David said to {A} and {B}, and {B} said unto\n"),
              AllOf(HasSubstr("t.txt:1: "), HasSubstr("leave names and parts of names out")));
  EXPECT_THAT(of_template("And {A}s and {B}, and {B}s spake unto\n"), HasSubstr("t.txt:1: "));
  std::string long_text = "And {A} and {B}";
  for (int i = 0; i < 300; ++i) long_text += " and";
  EXPECT_THAT(of_template(long_text + " {B} said unto\n"), HasSubstr("write a shorter template"));

  const auto good = folder_.write("good.txt", kTemplate);
  const auto of_names = [&](const std::string& text) {
    return refusal<InputError>("indirect_object_identification",
                               {{"templates", good}, {"names", folder_.write("n.txt", text)}});
  };
  EXPECT_THAT(of_names("David\nMoses\nNebuchadnezzar\n"),
              AllOf(HasSubstr("n.txt:3: the name 'Nebuchadnezzar' is 6 tokens"),
                    HasSubstr("lensbench tokenize")));
  EXPECT_THAT(of_names("David\nMoses\nDavid\n"), HasSubstr("n.txt:3: the name 'David' is there"));
  EXPECT_THAT(of_names("David\nMoses\n"), HasSubstr("expected at least 3"));
  EXPECT_THAT(of_names("David\nMoses\nSaul\n"),
              AllOf(HasSubstr("give 12 different prompts"), HasSubstr("add names or templates")));
  EXPECT_THAT(refusal<InputError>("indirect_object_identification",
                                  {{"templates", kModel}, {"names", names}}),
              HasSubstr("give a text file"));
  EXPECT_THAT(refusal("indirect_object_identification",
                      {{"templates", good}, {"names", names}, {"traced", "500"}}),
              HasSubstr("give at most as many"));
  EXPECT_THAT(refusal("factual_recall_tracing", {{"kinds", "none"}}),
              HasSubstr("expected one or more of state"));
}

}  // namespace
}  // namespace lensbench
