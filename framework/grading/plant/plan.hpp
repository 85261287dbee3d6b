#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "grading/plant/wiring.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// A head whose attention is known.
struct PlannedAttention {
  std::string role;
  std::function<std::int64_t(const PromptPair&)> key;  ///< position it attends to
  bool causal = true;
};

/// A task as it is planned, by roles, before heads and neurons have their places.
struct PlannedTask {
  std::string name, summary;
  std::vector<PromptPair> prompts;
  std::set<std::string> members;  ///< roles
  std::set<std::string> ignored;  ///< roles of which it is not said whether they take part
  std::vector<PlannedAttention> attention;
  std::set<std::string> layers_of_neurons;  ///< roles whose neurons are measured
  std::vector<TrainingPrompt> train;        ///< for tools that are trained
  std::string variable;                     ///< that the labels of `train` say; empty: none
};

/// Everything that is decided about a planted model before it has a basis.
struct Plan {
  Wiring wiring;
  std::string summary;
  PlantedReadout readout;
  std::vector<StreamVariable> variables;
  std::vector<PlannedTask> tasks;
};

/// What a kind of planted model is made of.
struct PlanRequest {
  double leak = 0;
  std::int64_t prompts = 12;
};

/// Draws `count` prompts without repeating one. \throws UsageError if there are not as many
std::vector<PromptPair> draw_prompts(std::int64_t count, Philox& random,
                                     const std::function<PromptPair(Philox&)>& draw);

/// Draws further prompts that differ from those of a task, 512 or as many as there are.
/// \param variable  what the labels say; empty: there are none
/// \param labelled  a prompt with its label and the position at which the label is read
void add_training(PlannedTask& task, std::string variable, Philox& random,
                  const std::function<PromptPair(Philox&)>& draw,
                  const std::function<TrainingPrompt(const PromptPair&)>& labelled);

Plan plan_bigram(const PlanRequest& request, Philox& random);
Plan plan_induction(const PlanRequest& request, Philox& random);
Plan plan_induction_llama(const PlanRequest& request, Philox& random);
Plan plan_name_mover(const PlanRequest& request, Philox& random);
Plan plan_fact(const PlanRequest& request, Philox& random);
Plan plan_fact_llama(const PlanRequest& request, Philox& random);
Plan plan_boolean(const PlanRequest& request, Philox& random);
Plan plan_mirror_bert(const PlanRequest& request, Philox& random);
Plan plan_superposition(const PlanRequest& request, Philox& random);
Plan plan_frac_prevs(const PlanRequest& request, Philox& random);
Plan plan_hist(const PlanRequest& request, Philox& random);
Plan plan_dyck(const PlanRequest& request, Philox& random);
Plan plan_reverse(const PlanRequest& request, Philox& random);
Plan plan_sort(const PlanRequest& request, Philox& random);

}  // namespace lensbench::grading
