#include "grading/plant/facts.hpp"

// The facts of `fact` in a Llama. One head moves the values of both relations, wherever it is
// asked; a gated MLP lets those of the asked relation pass: the gate is a step of the value, which
// is multiplied by whether its relation is asked.

namespace lensbench::grading {

Plan plan_fact_llama(const PlanRequest& request, Philox& random) {
  FactModel model({.n_layers = 5,
                   .n_heads = 4,
                   .d_head = 16,
                   .d_mlp = 30,
                   .n_positions = kFactPositions,
                   .family = PlantedFamily::llama,
                   .width = 64},
                  kRelations * kValues, request, random);
  Head& mover = model.w.head(2, "mover")
                    .want_from(all_of(Space{model.tokens[kFirstRelation], kRelations}),
                               all_of(model.subjects()), kSharp)
                    .want({{model.tokens[0]}}, kSink);
  for (std::int64_t relation = 0; relation < kRelations; ++relation) {
    const Space moved{model.moved[relation * kValues], kValues};
    mover.copy(model.stored[relation], moved);
    for (std::int64_t value = 0; value < kValues; ++value)
      model.w.step(3, "or_gate", {{moved[value]}}, 0.2, 0.8, {{model.out[value]}},
                   model.asked(relation));
  }
  const auto change = [](PlannedTask& task, bool swap_relation) {
    // The head moves the same, whichever relation is asked.
    if (!swap_relation) task.members.insert("mover");
    task.attention.push_back(
        {"mover", [](const PromptPair& prompt) { return prompt.sources.at("answer"); }, true});
  };
  return model.finish(
      "subject … relation is followed by a value that two MLPs store; a head moves the values of "
      "both relations, and a gated MLP chooses.",
      request, random, change);
}

}  // namespace lensbench::grading
