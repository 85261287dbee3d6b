#include "grading/plant/rotary_group.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "grading/gauge/rotations.hpp"
#include "grading/plant/assembly_parts.hpp"

namespace lensbench::grading {
namespace {

// Pairs of channels that tell distances.
constexpr std::int64_t kFastPairs = 3;

bool same(const Terms& a, const Terms& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Term& x, const Term& y) {
    return x.dimension == y.dimension && x.weight == y.weight;
  });
}

/// Channels for what is matched: the slower half of the pairs in random order, then the others.
std::vector<std::int64_t> matching_channels(const RotaryAngles& angles, Philox& random) {
  const std::int64_t pairs = angles.pairs(), slow = pairs / 2;
  std::vector<std::int64_t> channels;
  for (const std::int64_t i : random_order(random, pairs - slow)) {
    channels.push_back(slow + i);
    channels.push_back(pairs + slow + i);
  }
  for (std::int64_t pair = slow; pair-- > kFastPairs;) {
    channels.push_back(pair);
    channels.push_back(pairs + pair);
  }
  return channels;
}

class GroupBuilder {
 public:
  GroupBuilder(const std::vector<Head>& heads, const RotaryAngles& angles, std::int64_t d_model,
               const ConstantDimension& constant, Philox& random)
      : heads_(heads),
        angles_(angles),
        d_(d_model),
        constant_(constant),
        root_(std::sqrt(static_cast<double>(angles.d_head))),
        free_(matching_channels(angles, random)),
        key_(zeros({angles.d_head, d_model})),
        value_(zeros({angles.d_head, d_model})) {}

  GroupWeights run() {
    GroupWeights weights;
    for (const Head& head : heads_) {
      weights.query.push_back(queries(head).t());
      weights.output.push_back(outputs(head));
    }
    weights.key = key_.t();
    weights.value = value_.t();
    return weights;
  }

 private:
  double* row(const at::Tensor& rows, std::int64_t channel) const {
    return rows.data_ptr<double>() + channel * d_;
  }

  /// Reads what is said, and a constant.
  void read(const at::Tensor& rows, std::int64_t channel, const Terms& terms, double bias,
            double factor) const {
    add_terms(row(rows, channel), terms, factor);
    row(rows, channel)[constant_.dimension] += factor * bias / constant_.value;
  }

  at::Tensor queries(const Head& head) {
    at::Tensor query = zeros({angles_.d_head, d_});
    for (const Head::Score& score : head.scores) {
      // Both sides have the same share of the height; the model divides by the root of d_head.
      const double side = std::sqrt(std::fabs(score.height) * root_);
      read(query, key_channel(score, side, head.role), score.query, score.query_bias,
           score.height < 0 ? -side : side);
    }
    if (head.distance) look_back(query, *head.distance);
    return query;
  }

  /// The angle between query and key is 0 at the wanted distance.
  void look_back(const at::Tensor& query, const Head::Distance& distance) {
    const double side = std::sqrt(distance.height * angles_.height() * root_);
    for (std::int64_t pair = 0; pair < kFastPairs; ++pair) {
      const double angle = -static_cast<double>(distance.positions) * angles_.step(pair);
      read(query, pair, {}, std::cos(angle), side);
      read(query, angles_.pairs() + pair, {}, std::sin(angle), side);
      row(key_, pair)[constant_.dimension] = side / constant_.value;
    }
  }

  std::int64_t key_channel(const Head::Score& score, double side, const std::string& role) {
    for (const Known& known : keys_)
      if (known.side == side && known.bias == score.key_bias && same(known.terms, score.key))
        return known.channel;
    require_channels(role, static_cast<std::int64_t>(keys_.size()) + 1,
                     static_cast<std::int64_t>(free_.size()));
    const std::int64_t channel = free_[keys_.size()];
    keys_.push_back({score.key, score.key_bias, side, channel});
    read(key_, channel, score.key, score.key_bias, side);
    return channel;
  }

  std::int64_t value_channel(const Terms& from, const std::string& role) {
    for (std::size_t i = 0; i < values_.size(); ++i)
      if (same(values_[i], from)) return static_cast<std::int64_t>(i);
    require_channels(role, static_cast<std::int64_t>(values_.size()) + 1, angles_.d_head);
    values_.push_back(from);
    const auto channel = static_cast<std::int64_t>(values_.size()) - 1;
    add_terms(row(value_, channel), from);
    return channel;
  }

  at::Tensor outputs(const Head& head) {
    at::Tensor output = zeros({angles_.d_head, d_});
    for (const Head::Move& move : head.moves)
      add_terms(row(output, value_channel(move.from, head.role)), move.to);
    return output;
  }

  struct Known {
    Terms terms;
    double bias, side;
    std::int64_t channel;
  };
  const std::vector<Head>& heads_;
  const RotaryAngles& angles_;
  std::int64_t d_;
  ConstantDimension constant_;
  double root_;
  std::vector<std::int64_t> free_;
  at::Tensor key_, value_;  ///< [d_head, d_model]
  std::vector<Known> keys_;
  std::vector<Terms> values_;
};

/// A rotation within each pair of channels, which rotary positions do not see.
at::Tensor pair_rotation(Philox& random, std::int64_t d_head) {
  at::Tensor turn = zeros({d_head, d_head});
  const std::int64_t pairs = d_head / 2;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const double angle = 2 * M_PI * random.uniform();
    turn[i][i] = turn[pairs + i][pairs + i] = std::cos(angle);
    turn[i][pairs + i] = std::sin(angle);
    turn[pairs + i][i] = -std::sin(angle);
  }
  return turn;
}

}  // namespace

double RotaryAngles::step(std::int64_t pair) const {
  return std::pow(theta, -static_cast<double>(pair) / static_cast<double>(pairs()));
}

double RotaryAngles::height() const {
  double least = 2 * kFastPairs;
  for (std::int64_t other = 1; other < n_positions; ++other) {
    double lost = 0;
    for (std::int64_t pair = 0; pair < kFastPairs; ++pair)
      lost += 1 - std::cos(static_cast<double>(other) * step(pair));
    least = std::min(least, lost);
  }
  return 1 / least;
}

GroupWeights group_weights(const std::vector<Head>& heads, const RotaryAngles& angles,
                           std::int64_t d_model, const ConstantDimension& constant, bool turned,
                           Philox& random) {
  GroupWeights weights = GroupBuilder(heads, angles, d_model, constant, random).run();
  const at::Tensor turn_value =
      turned ? rotation(random, angles.d_head) : permutation(random, angles.d_head);
  weights.value = at::matmul(weights.value, turn_value);
  for (at::Tensor& output : weights.output) output = at::matmul(turn_value.t(), output);
  if (!turned) return weights;
  const at::Tensor turn = pair_rotation(random, angles.d_head);
  weights.key = at::matmul(weights.key, turn);
  for (at::Tensor& query : weights.query) query = at::matmul(query, turn);
  return weights;
}

}  // namespace lensbench::grading
