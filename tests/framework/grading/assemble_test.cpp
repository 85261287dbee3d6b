// What a family of checkpoints does not have is refused, since it would be lost in silence.
#include "grading/plant/assemble.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"

namespace lensbench::grading {
namespace {

using ::testing::HasSubstr;

WiringSizes sizes_of(PlantedFamily family) {
  return {.n_layers = 1, .n_heads = 2, .d_head = 8, .d_mlp = 1, .n_positions = 4, .family = family};
}

std::string refusal(const Wiring& wiring) {
  Philox random(1, 0);
  return testing::message_of<UsageError>([&] { assemble(wiring, Gauge::aligned, random); });
}

TEST(Assemble, RefusesAttentionByDistanceWithoutRotaryPositions) {
  for (const PlantedFamily family : {PlantedFamily::gpt2, PlantedFamily::bert}) {
    Wiring wiring(sizes_of(family), {});
    wiring.head(0, "before").distance = Head::Distance{1, kSharp};
    wiring.head(0, "idle");
    wiring.neuron(0, {"idle", {}, 0.0, {}});
    EXPECT_THAT(refusal(wiring), HasSubstr("head 'before' attends by distance"));
  }
}

TEST(Assemble, RefusesAFactorWithoutAGatedMlp) {
  Wiring wiring(sizes_of(PlantedFamily::gpt2), {});
  wiring.head(0, "idle");
  wiring.head(0, "idle");
  wiring.neuron(0, {"product", {}, 0.0, {}, {{0}}});
  EXPECT_THAT(refusal(wiring), HasSubstr("neuron 'product' is multiplied by a sum"));
}

TEST(Assemble, RefusesAConstantInALlama) {
  Wiring wiring(sizes_of(PlantedFamily::llama), {});
  wiring.head(0, "idle");
  wiring.head(0, "idle");
  wiring.neuron(0, {"idle", {}, 0.0, {}});
  wiring.add_constant(0, {{0}});
  EXPECT_THAT(refusal(wiring), HasSubstr("the MLP of a Llama does not have a bias"));
}

TEST(Assemble, RefusesAHeadThatNeedsMoreChannelsThanItHas) {
  for (const PlantedFamily family : {PlantedFamily::gpt2, PlantedFamily::llama}) {
    Wiring wiring(sizes_of(family), {});
    Head& head = wiring.head(0, "wide");
    for (std::int64_t i = 0; i < 9; ++i) head.move({{i}}, {{0}});
    wiring.head(0, "idle");
    wiring.neuron(0, {"idle", {}, 0.0, {}});
    EXPECT_THAT(refusal(wiring), HasSubstr("head 'wide' needs 9 channels, and has 8"));
  }
}

}  // namespace
}  // namespace lensbench::grading
