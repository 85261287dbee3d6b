#pragma once

#include <cstdint>
#include <deque>
#include <lensbench/random.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lensbench::grading {

/// Consecutive logical dimensions of the stream.
struct Space {
  std::int64_t first = 0, size = 0;
  std::int64_t operator[](std::int64_t i) const { return first + i; }
};

/// Weight of one logical dimension.
struct Term {
  std::int64_t dimension = 0;
  double weight = 1.0;
};
using Terms = std::vector<Term>;

/// One term for each dimension of a space.
Terms all_of(const Space& space, double weight = 1.0);

/// A head, as channels: score channels multiply what a query and a key say, value channels move
/// what they read at the key to what they write at the query.
struct Head {
  struct Score {
    Terms query, key;
    double query_bias = 0, key_bias = 0, height = 0;
  };
  struct Move {
    Terms from, to;
  };
  /// Attention by distance alone: to the position that is so many before.
  struct Distance {
    std::int64_t positions = 0;
    double height = 0;  ///< at least, above the score of any other position
  };
  std::string role;
  std::vector<Score> scores;
  std::vector<Move> moves;
  std::optional<Distance> distance = {};  ///< of families with rotary positions only

  /// Queries and keys match where both have the same dimension of two spaces, one channel each.
  Head& match(const Space& query, const Space& key, double height);
  /// A key of these terms is wanted by every query.
  Head& want(const Terms& key, double height);
  /// A key of these terms is wanted by queries of those.
  Head& want_from(const Terms& query, const Terms& key, double height);
  /// Moves each dimension of a space to the same of another.
  Head& copy(const Space& from, const Space& to, double factor = 1.0);
  /// Moves one sum.
  Head& move(const Terms& from, const Terms& to);
};

/// A neuron reads a sum, and writes terms times GELU of it. In a gated MLP that is multiplied by
/// another sum.
struct Neuron {
  std::string role;
  Terms in;
  double bias = 0;
  Terms out;
  Terms factor = {};
  double factor_bias = 1.0;
};

/// A block before its heads and neurons have an order.
struct Block {
  std::deque<Head> heads;
  std::vector<Neuron> neurons;
  Terms mlp_bias;  ///< written by the MLP at every position
};

/// A weight from a token or a position to a dimension, or from a dimension to a token.
struct Written {
  std::int64_t row = 0, dimension = 0;
  double weight = 0;
};

/// Family of a planted checkpoint.
enum class PlantedFamily { gpt2, llama, bert };

/// Sizes of a planted model.
struct WiringSizes {
  std::int64_t n_layers = 1, n_heads = 2, d_head = 24, d_mlp = 8, n_positions = 12;
  PlantedFamily family = PlantedFamily::gpt2;
  std::int64_t width = 0;  ///< of the stream; 0: n_heads * d_head
  /// Heads of a Llama in the order in which they were added share keys and values in pairs.
  std::int64_t heads_per_key = 2;
};

/// A transformer in logical dimensions, in which every number is chosen by hand: no norm, no basis.
class Wiring {
 public:
  Wiring(const WiringSizes& sizes, std::vector<std::string> vocabulary);

  /// Takes dimensions. \throws UsageError if the stream is too narrow
  Space space(std::int64_t size);
  /// Takes all dimensions that are left, which nothing reads.
  Space take_rest();

  void embed(std::int64_t token, std::int64_t dimension, double weight = 1.0);
  void place(std::int64_t position, std::int64_t dimension, double weight = 1.0);
  void unembed(std::int64_t dimension, std::int64_t token, double weight);
  /// The returned head stays where it is when others are added.
  Head& head(std::int64_t layer, std::string role);
  void neuron(std::int64_t layer, Neuron neuron);
  /// Adds the step from 0 to 1 between two values of a sum, exact for sums that are not between
  /// them: two neurons. In a gated MLP the step may be multiplied by another sum.
  void step(std::int64_t layer, const std::string& role, const Terms& sum, double below,
            double above, const Terms& out, const Terms& factor = {});
  /// Adds what is written where a sum is 1 rather than 0: one neuron.
  void gate(std::int64_t layer, const std::string& role, const Terms& sum, double offset,
            const Terms& out);
  /// The MLP of a block writes these terms at every position.
  void add_constant(std::int64_t layer, const Terms& terms);

  std::int64_t d_model() const {
    return sizes.width > 0 ? sizes.width : sizes.n_heads * sizes.d_head;
  }
  std::int64_t vocab() const { return static_cast<std::int64_t>(vocabulary.size()); }

  WiringSizes sizes;
  std::vector<std::string> vocabulary;
  std::vector<Written> embedding, places, unembedding;
  std::vector<Block> blocks;
  std::vector<Terms> features;  ///< directions that stand for features; their weights sum to zero
  /// Features of each token, with their activations.
  std::vector<std::vector<std::pair<std::int64_t, double>>> token_features;
  Terms final_bias;       ///< that the final norm of a GPT-2 adds; empty: random numbers
  std::int64_t used = 0;  ///< dimensions taken; the last ones are kept for the norm

 private:
  std::int64_t norm_dimensions() const;
};

/// Height of a score that decides, of the sink on the first token, which holds nothing.
inline constexpr double kSharp = 24.0, kSink = 12.0;

/// Random order of 0 to n - 1.
std::vector<std::int64_t> random_order(Philox& random, std::int64_t n);

}  // namespace lensbench::grading
