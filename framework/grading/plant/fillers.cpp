#include "grading/plant/fillers.hpp"

#include <cmath>

namespace lensbench::grading {
namespace {

/// Random terms of a space, of a given length in the mean.
Terms random_terms(Philox& random, const Space& space, double length) {
  Terms terms = all_of(space);
  for (Term& term : terms)
    term.weight = length * random.normal() / std::sqrt(static_cast<double>(space.size));
  return terms;
}

Terms random_writes(Philox& random, const FillerSpaces& spaces, double length, double leak) {
  Terms terms = random_terms(random, spaces.rest, length);
  if (leak > 0)
    for (std::int64_t i = 0; i < spaces.out.size; ++i)
      terms.push_back({spaces.out[i], leak * (2 * random.uniform() - 1)});
  return terms;
}

/// Lets a head move random terms of tokens to `written`, which the caller has drawn before them:
/// the order of two draws in one call would depend on the compiler, and so would the model of a
/// seed.
void move_random(Head& head, const FillerSpaces& spaces, Philox& random, const Terms& written) {
  const double length = std::sqrt(static_cast<double>(spaces.tokens.size));
  head.move(random_terms(random, spaces.tokens, length), written);
}

/// Terms of every token, of weight 1, so that their sum is 1 at every position.
Terms any_token(const FillerSpaces& spaces) {
  return all_of(spaces.tokens);
}

void fill_head(Head& head, const FillerSpaces& spaces, Philox& random) {
  // Scores of about 1: soft attention.
  const double length = std::sqrt(static_cast<double>(spaces.tokens.size));
  for (int i = 0; i < 3; ++i)
    head.scores.push_back({random_terms(random, spaces.tokens, length),
                           random_terms(random, spaces.tokens, length), random.normal(),
                           random.normal(), 0.7});
  for (int i = 0; i < 3; ++i)
    move_random(head, spaces, random, random_writes(random, spaces, 0.4, spaces.leak));
}

/// An MLP has many more neurons than a block has heads, so that each leaks less.
Neuron filler_neuron(const FillerSpaces& spaces, bool gated, Philox& random) {
  const double length = std::sqrt(static_cast<double>(spaces.tokens.size));
  Neuron neuron{"filler", random_terms(random, spaces.tokens, length), random.normal(),
                random_writes(random, spaces, 0.4, spaces.leak / 4)};
  const Terms places = random_terms(random, spaces.places, 1.0);
  neuron.in.insert(neuron.in.end(), places.begin(), places.end());
  if (gated) neuron.factor = random_terms(random, spaces.tokens, length / 2);
  return neuron;
}

}  // namespace

Head& look_at_itself(Head& head, const FillerSpaces& spaces) {
  if (spaces.places.size > 0) return head.match(spaces.places, spaces.places, kSharp);
  head.distance = {0, kSharp};
  return head;
}

void add_loud_decoy(Wiring& wiring, std::int64_t layer, const FillerSpaces& spaces,
                    Philox& random) {
  Head& head = look_at_itself(wiring.head(layer, "decoy_norm"), spaces);
  head.move(any_token(spaces), random_terms(random, spaces.rest, 13.0));
  for (int i = 0; i < 2; ++i)
    move_random(head, spaces, random, random_terms(random, spaces.rest, 4.0));
}

void add_attention_decoy(Wiring& wiring, std::int64_t layer, const Head& like,
                         const FillerSpaces& spaces, Philox& random, const std::string& role) {
  Head decoy;
  decoy.role = role;
  decoy.scores = like.scores;
  decoy.distance = like.distance;
  for (int i = 0; i < 4; ++i)
    move_random(decoy, spaces, random, random_terms(random, spaces.rest, 0.7));
  wiring.blocks[static_cast<std::size_t>(layer)].heads.push_back(std::move(decoy));
}

void add_common_shift(Wiring& wiring, std::int64_t layer, const FillerSpaces& spaces) {
  const Space shift = wiring.space(1);
  for (std::int64_t token = 0; token < wiring.vocab(); ++token)
    wiring.unembed(shift[0], token, 1.0);
  look_at_itself(wiring.head(layer, "common_shift"), spaces)
      .move(any_token(spaces), {{shift[0], 4.0}});
}

void add_suppressor(Wiring& wiring, std::int64_t layer, const FillerSpaces& spaces,
                    std::int64_t first_token) {
  look_at_itself(wiring.head(layer, "suppressor"), spaces)
      .want({{spaces.tokens[first_token]}}, kSink)
      .copy(spaces.out, spaces.out, -0.25);
}

void add_bigrams(Wiring& wiring, const Space& tokens, Philox& random) {
  for (std::int64_t token = 0; token < tokens.size; ++token)
    for (std::int64_t next = 0; next < wiring.vocab(); ++next)
      wiring.unembed(tokens[token], next, 0.4 * random.normal());
}

void add_fillers(Wiring& wiring, const FillerSpaces& spaces, Philox& random) {
  const bool gated = wiring.sizes.family == PlantedFamily::llama;
  for (std::int64_t layer = 0; layer < wiring.sizes.n_layers; ++layer) {
    Block& block = wiring.blocks[static_cast<std::size_t>(layer)];
    while (static_cast<std::int64_t>(block.heads.size()) < wiring.sizes.n_heads)
      fill_head(wiring.head(layer, "filler"), spaces, random);
    while (static_cast<std::int64_t>(block.neurons.size()) < wiring.sizes.d_mlp)
      wiring.neuron(layer, filler_neuron(spaces, gated, random));
  }
}

}  // namespace lensbench::grading
