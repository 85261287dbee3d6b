#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/random.hpp>
#include <lensbench/streaming_statistics.hpp>
#include <lensbench/tools/neuron_explorer.hpp>
#include <map>
#include <string>
#include <vector>

#include "activity.hpp"
#include "examples.hpp"

// First reading of a text: the largest activations of neurons, and a random sample.

namespace lensbench::neurons {

std::string block_hook(std::int64_t block, const char* name);

/// The blocks of some neurons, as a layout that reads only these.
NeuronLayout layout_of_neurons(const TransformerSpec& spec, const std::vector<NeuronId>& neurons);

/// Values of one piece: activations of the neurons [row, neuron] and streams by hook, both without
/// the rows that are left out.
struct PieceValues {
  at::Tensor activations;
  std::map<std::string, at::Tensor> streams;
  std::int64_t first_place = 0;
};

PieceValues values_of(const Model& model, const Piece& piece, const NeuronLayout& layout,
                      const std::vector<NeuronId>& neurons, bool skip);

/// One token of the random sample.
struct Sampled {
  Example where;  ///< without an activation
  std::vector<double> activations;
};

/// A piece of which rows were counted.
struct Start {
  std::int64_t row = 0;    ///< number of its first row in the text
  std::int64_t place = 0;  ///< position of that row in the piece
};

/// What the first reading of the text collects.
class Search {
 public:
  Search(const Context& context, const std::vector<NeuronId>& neurons,
         const NeuronExplorerOptions& options);

  void add(const Piece& piece, const PieceValues& values);
  /// Ends the reading: the sample gets a random order.
  void finish();
  /// Where a row of the text is: its piece, and the position in it.
  Example where(const statistics::TopEntry& entry) const;

  const statistics::StreamingTop& top() const { return top_; }
  const statistics::StreamingMoments& moments() const { return moments_; }
  const std::vector<Sampled>& sampled() const { return sampled_; }
  at::Tensor mean_stream(const std::string& hook) const { return streams_.at(hook).mean(); }
  std::int64_t rows() const { return rows_; }
  std::int64_t pieces() const { return std::ssize(starts_); }

 private:
  /// Keeps each row with equal probability (Vitter 1985, algorithm R).
  void sample(const Piece& piece, const PieceValues& values, std::int64_t r, const double* row,
              std::int64_t width);

  statistics::StreamingTop top_;
  statistics::StreamingMoments moments_;
  std::map<std::string, statistics::StreamingMoments> streams_;
  std::vector<Start> starts_;
  std::vector<Sampled> sampled_;
  Philox random_;
  std::int64_t rows_ = 0;
};

}  // namespace lensbench::neurons
