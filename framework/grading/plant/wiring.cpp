#include "grading/plant/wiring.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <numeric>
#include <utility>

namespace lensbench::grading {
namespace {

// Beyond this distance from 0, GELU is the identity or 0 to rounding.
constexpr double kSaturated = 6.0;

}  // namespace

Terms all_of(const Space& space, double weight) {
  Terms terms;
  terms.reserve(static_cast<std::size_t>(space.size));
  for (std::int64_t i = 0; i < space.size; ++i) terms.push_back({space[i], weight});
  return terms;
}

Head& Head::match(const Space& query, const Space& key, double height) {
  for (std::int64_t i = 0; i < query.size; ++i)
    scores.push_back({{{query[i]}}, {{key[i]}}, 0.0, 0.0, height});
  return *this;
}

Head& Head::want(const Terms& key, double height) {
  scores.push_back({{}, key, 1.0, 0.0, height});
  return *this;
}

Head& Head::want_from(const Terms& query, const Terms& key, double height) {
  scores.push_back({query, key, 0.0, 0.0, height});
  return *this;
}

Head& Head::copy(const Space& from, const Space& to, double factor) {
  for (std::int64_t i = 0; i < from.size; ++i) moves.push_back({{{from[i]}}, {{to[i], factor}}});
  return *this;
}

Head& Head::move(const Terms& from, const Terms& to) {
  moves.push_back({from, to});
  return *this;
}

Wiring::Wiring(const WiringSizes& all, std::vector<std::string> texts)
    : sizes(all), vocabulary(std::move(texts)), blocks(static_cast<std::size_t>(all.n_layers)) {
  // Tools that list the first ten tokens need as many.
  while (vocabulary.size() < 12) vocabulary.push_back("unused" + std::to_string(vocabulary.size()));
}

/// A norm with a mean has one dimension that balances every write, and two that carry the scale;
/// one without a mean has one that carries it.
std::int64_t Wiring::norm_dimensions() const {
  return sizes.family == PlantedFamily::llama ? 1 : 3;
}

Space Wiring::space(std::int64_t size) {
  if (used + size + norm_dimensions() > d_model())
    throw UsageError("planted model: the stream of " + std::to_string(d_model()) +
                     " dimensions is too narrow for its variables");
  used += size;
  return {used - size, size};
}

Space Wiring::take_rest() {
  return space(d_model() - norm_dimensions() - used);
}

void Wiring::embed(std::int64_t token, std::int64_t dimension, double weight) {
  embedding.push_back({token, dimension, weight});
}

void Wiring::place(std::int64_t position, std::int64_t dimension, double weight) {
  places.push_back({position, dimension, weight});
}

void Wiring::unembed(std::int64_t dimension, std::int64_t token, double weight) {
  unembedding.push_back({token, dimension, weight});
}

Head& Wiring::head(std::int64_t layer, std::string role) {
  Head head;
  head.role = std::move(role);
  return blocks[static_cast<std::size_t>(layer)].heads.emplace_back(std::move(head));
}

void Wiring::neuron(std::int64_t layer, Neuron neuron) {
  blocks[static_cast<std::size_t>(layer)].neurons.push_back(std::move(neuron));
}

void Wiring::step(std::int64_t layer, const std::string& role, const Terms& sum, double below,
                  double above, const Terms& out, const Terms& factor) {
  // The ramp has the middle third of the interval: both ends are saturated for both neurons.
  const double third = (above - below) / 3, slope = kSaturated / third;
  for (const bool end : {false, true}) {
    Neuron ramp{role, sum, -slope * (below + (end ? 2 : 1) * third), out, factor};
    if (!factor.empty()) ramp.factor_bias = 0;
    for (Term& term : ramp.in) term.weight *= slope;
    for (Term& term : ramp.out) term.weight *= (end ? -1 : 1) / kSaturated;
    neuron(layer, std::move(ramp));
  }
}

void Wiring::gate(std::int64_t layer, const std::string& role, const Terms& sum, double offset,
                  const Terms& out) {
  constexpr double kHeight = 10.0;
  Neuron one{role, sum, kHeight * (2 * offset - 1), out};
  for (Term& term : one.in) term.weight *= 2 * kHeight;
  for (Term& term : one.out) term.weight /= kHeight;
  neuron(layer, std::move(one));
}

void Wiring::add_constant(std::int64_t layer, const Terms& terms) {
  Terms& bias = blocks[static_cast<std::size_t>(layer)].mlp_bias;
  bias.insert(bias.end(), terms.begin(), terms.end());
}

std::vector<std::int64_t> random_order(Philox& random, std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace lensbench::grading
