#include <string>

#include "grading/plant/facts.hpp"

// subject … relation is followed by a value. Two MLPs store the values of each subject, of which
// either is enough; the MLP of the first block also guesses from the relation alone, and a later
// one erases the guess.

namespace lensbench::grading {

Plan plan_fact(const PlanRequest& request, Philox& random) {
  FactModel model(
      {.n_layers = 5, .n_heads = 3, .d_head = 24, .d_mlp = 18, .n_positions = kFactPositions},
      kValues, request, random);
  for (std::int64_t relation = 0; relation < kRelations; ++relation)
    model.w.head(2, "mover_" + std::to_string(relation + 1))
        .want_from(model.asked(relation), all_of(model.subjects()), kSharp)
        .want({{model.tokens[0]}}, kSink)
        .copy(model.stored[relation], model.moved);
  for (std::int64_t value = 0; value < kValues; ++value)
    model.w.step(3, "or_gate", {{model.moved[value]}}, 0.2, 0.8, {{model.out[value]}});
  return model.finish(
      "subject … relation is followed by a value that two MLPs store; either store is enough (a "
      "saturating OR).",
      request, random, [](PlannedTask& task, bool) {
        task.members.insert({"mover_1", "mover_2"});
      });
}

}  // namespace lensbench::grading
