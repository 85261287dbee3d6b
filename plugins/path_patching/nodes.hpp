#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <string>
#include <vector>

namespace lensbench::paths {

/// What writes to the residual stream.
struct Sender {
  enum class Kind { embed, head, attention, mlp };
  Kind kind = Kind::embed;
  std::int64_t block = -1;  ///< -1: the embedding
  std::int64_t head = -1;   ///< -1: not a single head
  std::string label = {};   ///< `embed`, `L0H1`, `2_attn_out`, `2_mlp_out`
};

/// What reads the residual stream.
struct Receiver {
  enum class Kind { q, k, v, mlp, logits };
  Kind kind = Kind::logits;
  std::int64_t block = -1;  ///< -1: the logits
  std::int64_t head = -1;   ///< on the axis `head` or `kv_head`; -1: all heads of the block
  std::string label = {};   ///< `L5H2.q`, `L5KV1.k`, `L5.k`, `3_mlp_in`, `logits`

  /// Hook point without the block.
  const char* hook() const;
  bool of_head() const { return kind != Kind::mlp && kind != Kind::logits; }
};

/// Whether the receiver reads what the sender writes.
bool is_later(const TransformerSpec& spec, const Sender& sender, const Receiver& receiver);

/// Senders of names and group words, each once, in the order given.
/// \throws UsageError for a name that this model does not have; for a single head where a norm
///   follows the sublayer
std::vector<Sender> parse_senders(const TransformerSpec& spec,
                                  const std::vector<std::string>& names);

/// Receivers of names and group words, each once, in the order given.
/// \throws UsageError for a name that this model does not have
std::vector<Receiver> parse_receivers(const TransformerSpec& spec,
                                      const std::vector<std::string>& names);

/// \throws UsageError if not one receiver is later than a sender
void require_paths(const TransformerSpec& spec, const std::vector<Sender>& senders,
                   const std::vector<Receiver>& receivers);

}  // namespace lensbench::paths
