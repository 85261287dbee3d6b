#include "grading/plant/inductions.hpp"

// The circuit of `induction` in a Llama: the previous token is found by the angles of the fast
// rotary pairs, an earlier A by content on the slow ones; two heads share keys and values.

namespace lensbench::grading {

Plan plan_induction_llama(const PlanRequest& request, Philox& random) {
  return plan_inductions({.n_layers = 3,
                          .n_heads = 4,
                          .d_head = 32,
                          .d_mlp = 8,
                          .n_positions = kInductionPositions,
                          .family = PlantedFamily::llama,
                          .width = 64},
                         request, random);
}

}  // namespace lensbench::grading
