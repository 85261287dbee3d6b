#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <lensbench/corpus.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lensbench::neurons {

/// Neurons that one hook point gives: those of a block, or of one expert of a block.
struct NeuronSite {
  std::int64_t block = 0;   ///< block of the model
  std::size_t row = 0;      ///< index of the block among those that are read
  std::int64_t expert = 0;  ///< 0 in a block without experts
  std::int64_t first = 0;   ///< index of its first neuron among those of the block
  std::string hook;         ///< name of the hook point
};

/// All neurons of a point.
struct NeuronLayout {
  std::vector<std::int64_t> blocks;  ///< blocks that have the point, in order
  std::int64_t site_width = 0;       ///< neurons of a site
  std::int64_t width = 0;            ///< neurons of a block, of all its experts
  bool mixture = false;              ///< each token has the neurons of some experts only
  std::vector<NeuronSite> sites;     ///< in the order in which the forward reaches them
};

/// Neurons of a point, which is named without the block.
/// \param who  subject of messages
/// \throws UsageError with the possible points for one that does not have an axis of neurons
NeuronLayout layout_of(const std::string& who, const TransformerSpec& spec,
                       const std::string& point);

/// A piece of text that runs alone: a window of a corpus, or the prompt.
struct Piece {
  Tokens tokens;
  std::int64_t document = 0;
  std::int64_t first_position = 0;  ///< position of the first token in the document
};

/// Where pieces come from.
struct TextOptions {
  std::string text;           ///< file or `generated:N`; empty: the prompt
  std::int64_t window = 256;  ///< most tokens of a piece
  std::int64_t windows = 0;   ///< most pieces, in a random order; 0: all, in order
};

/// The pieces of a text, one at a time, as often as needed.
class Pieces {
 public:
  /// \throws InputError for a text that cannot be read
  Pieces(const Context& context, const Tokens& prompt, const TextOptions& options);

  std::optional<Piece> next();
  void rewind();

 private:
  Tokens prompt_;
  std::unique_ptr<Corpus> corpus_;  ///< nullptr: the prompt
  std::int64_t most_ = 0, given_ = 0;
};

/// Checks that a text can be read, without a forward.
/// \throws InputError if it cannot
void check_text(const Model& model, const std::string& text);

/// Receives the activations of a site: float32 rows [row, neuron] on the CPU, and the position of
/// each row in the piece.
using ReadSite = std::function<void(const NeuronSite& site, const at::Tensor& rows,
                                    const std::vector<std::int64_t>& positions)>;

/// Runs a piece and reads all sites of a layout while it runs, so that no more than one site is
/// held at a time.
/// \param skip_first  leave the first token of the piece out
/// \param residuals   hook points to read as well, by name; receives [pos, d_model]
void read_piece(
    const Model& model, const Piece& piece, const NeuronLayout& layout, bool skip_first,
    const ReadSite& read,
    const std::function<void(const std::string& hook, const at::Tensor& rows)>& read_stream = {},
    const std::vector<std::string>& streams = {});

}  // namespace lensbench::neurons
