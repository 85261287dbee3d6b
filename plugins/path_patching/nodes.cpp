#include "nodes.hpp"

#include <lensbench/error.hpp>
#include <regex>
#include <set>

namespace lensbench::paths {
namespace {

constexpr const char* kSenders =
    "heads, mlps, attentions, embed, or names such as L0H1, 2_mlp_out, 2_attn_out";
constexpr const char* kReceivers =
    "logits, q, k, v, heads, mlps, all, or names such as L5H2.q, L5.k, 3_mlp_in";

[[noreturn]] void refuse(const std::string& fault) {
  throw UsageError("path_patching: " + fault);
}

/// A norm after attention mixes the heads, so that single heads do not write to the stream.
bool by_head(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::before;
}

bool grouped(const TransformerSpec& spec) {
  return spec.attention.n_key_value_heads != spec.attention.n_heads;
}

/// Number of a name, which the pattern limits to digits; one that is too long for the type exceeds
/// every count.
std::int64_t number_of(const std::string& digits) {
  return digits.size() > 9 ? 1'000'000'000 : std::stoll(digits);
}

std::int64_t checked(const std::string& name, const char* what, std::int64_t index,
                     std::int64_t count) {
  if (index < count) return index;
  refuse("'" + name + "' does not exist in this model (found " + what + " " +
         std::to_string(index) + ", expected 0 to " + std::to_string(count - 1) +
         "); name one of these");
}

Sender head_sender(std::int64_t block, std::int64_t head) {
  return {Sender::Kind::head, block, head,
          "L" + std::to_string(block) + "H" + std::to_string(head)};
}
Sender attention_sender(std::int64_t block) {
  return {Sender::Kind::attention, block, -1, std::to_string(block) + "_attn_out"};
}
Sender mlp_sender(std::int64_t block) {
  return {Sender::Kind::mlp, block, -1, std::to_string(block) + "_mlp_out"};
}

void require_by_head(const TransformerSpec& spec, const std::string& name) {
  if (by_head(spec)) return;
  refuse("sender '" + name + "' is a part of an attention output that this '" + spec.family +
         "' normalises before it adds it to the stream, so the stream is not a sum over heads; "
         "give attentions, or whole outputs such as 2_attn_out");
}

/// `L0H1`, `2_attn_out` or `2_mlp_out`.
Sender named_sender(const TransformerSpec& spec, const std::string& name) {
  static const std::regex head("L([0-9]+)H([0-9]+)"), output("([0-9]+)_(attn|mlp)_out");
  std::smatch match;
  if (std::regex_match(name, match, head)) {
    const auto block = checked(name, "block", number_of(match[1]), spec.n_layers);
    require_by_head(spec, name);
    return head_sender(block, checked(name, "head", number_of(match[2]), spec.attention.n_heads));
  }
  if (std::regex_match(name, match, output)) {
    const auto block = checked(name, "block", number_of(match[1]), spec.n_layers);
    return match[2] == "mlp" ? mlp_sender(block) : attention_sender(block);
  }
  refuse("unknown sender '" + name + "'; give " + kSenders);
}

/// Label such as `L5H2.q`, with KV for heads of shared keys and values and without a head for a
/// whole block.
Receiver head_receiver(const TransformerSpec& spec, Receiver::Kind kind, std::int64_t block,
                       std::int64_t head) {
  const char* letter = kind == Receiver::Kind::q ? "q" : kind == Receiver::Kind::k ? "k" : "v";
  const char* axis = kind != Receiver::Kind::q && grouped(spec) ? "KV" : "H";
  std::string label = "L" + std::to_string(block);
  if (head >= 0) label += axis + std::to_string(head);
  return {kind, block, head, label + "." + letter};
}

std::int64_t n_heads(const TransformerSpec& spec, Receiver::Kind kind) {
  return kind == Receiver::Kind::q ? spec.attention.n_heads : spec.attention.n_key_value_heads;
}

Receiver mlp_receiver(std::int64_t block) {
  return {Receiver::Kind::mlp, block, -1, std::to_string(block) + "_mlp_in"};
}

/// A wrong axis would name another head silently: key-value head 1 does not belong to head 1.
void check_axis(const TransformerSpec& spec, const std::string& name, const std::string& axis,
                Receiver::Kind kind) {
  const bool shared = grouped(spec) && kind != Receiver::Kind::q;
  if (axis.empty() || (axis == "KV") == shared) return;
  if (shared)
    refuse("receiver '" + name + "' names a query head, but the heads of this '" + spec.family +
           "' share keys and values (" + std::to_string(spec.attention.n_heads) + " heads, " +
           std::to_string(spec.attention.n_key_value_heads) +
           " of keys and values); name the head of keys and values, such as L0KV0.k");
  refuse("receiver '" + name +
         "' names a head of shared keys and values, but here every head has its own; give a name "
         "such as L0H0." +
         std::string(1, name.back()));
}

/// `L5H2.q`, `L5KV1.k`, `L5.v` or `3_mlp_in`.
Receiver named_receiver(const TransformerSpec& spec, const std::string& name) {
  static const std::regex head("L([0-9]+)(?:(H|KV)([0-9]+))?\\.([qkv])"), mlp("([0-9]+)_mlp_in");
  std::smatch match;
  if (std::regex_match(name, match, head)) {
    const std::string letter = match[4];
    const Receiver::Kind kind = letter == "q"   ? Receiver::Kind::q
                                : letter == "k" ? Receiver::Kind::k
                                                : Receiver::Kind::v;
    const auto block = checked(name, "block", number_of(match[1]), spec.n_layers);
    check_axis(spec, name, match[2], kind);
    const std::int64_t index =
        // Without a number all heads of the block are one receiver.
        match[3].matched ? checked(name, "head", number_of(match[3]), n_heads(spec, kind)) : -1;
    return head_receiver(spec, kind, block, index);
  }
  if (std::regex_match(name, match, mlp))
    return mlp_receiver(checked(name, "block", number_of(match[1]), spec.n_layers));
  refuse("unknown receiver '" + name + "'; give " + kReceivers);
}

void add_heads(const TransformerSpec& spec, Receiver::Kind kind, std::vector<Receiver>& found) {
  for (std::int64_t block = 0; block < spec.n_layers; ++block)
    for (std::int64_t head = 0; head < n_heads(spec, kind); ++head)
      found.push_back(head_receiver(spec, kind, block, head));
}

/// A group word means all nodes of its kind in the model.
void add_senders(const TransformerSpec& spec, const std::string& name, std::vector<Sender>& found) {
  if (name == "embed") return found.push_back({Sender::Kind::embed, -1, -1, "embed"});
  if (name == "heads") require_by_head(spec, name);
  if (name != "heads" && name != "mlps" && name != "attentions")
    return found.push_back(named_sender(spec, name));
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    if (name == "mlps") found.push_back(mlp_sender(block));
    if (name == "attentions") found.push_back(attention_sender(block));
    if (name == "heads")
      for (std::int64_t head = 0; head < spec.attention.n_heads; ++head)
        found.push_back(head_sender(block, head));
  }
}

/// Words may overlap (`all` includes `q`); nodes that are named twice are kept once.
void add_receivers(const TransformerSpec& spec, const std::string& name,
                   std::vector<Receiver>& found) {
  using Kind = Receiver::Kind;
  const bool all = name == "all", heads = all || name == "heads";
  if (heads || name == "q") add_heads(spec, Kind::q, found);
  if (heads || name == "k") add_heads(spec, Kind::k, found);
  if (heads || name == "v") add_heads(spec, Kind::v, found);
  if (all || name == "mlps")
    for (std::int64_t block = 0; block < spec.n_layers; ++block)
      found.push_back(mlp_receiver(block));
  if (all || name == "logits") found.push_back({Kind::logits, -1, -1, "logits"});
  static const std::set<std::string> groups = {"all", "heads", "q", "k", "v", "mlps", "logits"};
  if (!groups.contains(name)) found.push_back(named_receiver(spec, name));
}

/// Labels identify nodes, so equal labels are one node.
template <class Node>
std::vector<Node> each_once(const std::vector<Node>& all) {
  std::set<std::string> seen;
  std::vector<Node> once;
  for (const Node& node : all)
    if (seen.insert(node.label).second) once.push_back(node);
  return once;
}

}  // namespace

/// Reading points per head exist for hooks alone, so that one receiver can read another stream.
const char* Receiver::hook() const {
  switch (kind) {
    case Kind::q:
      return "hook_q_input";
    case Kind::k:
      return "hook_k_input";
    case Kind::v:
      return "hook_v_input";
    case Kind::mlp:
      return "hook_mlp_in";
    case Kind::logits:
      // Logits are read from the last stream.
      break;
  }
  return "hook_resid_post";
}

/// The MLP of a block reads the attention of the same block, unless both run in parallel.
bool is_later(const TransformerSpec& spec, const Sender& sender, const Receiver& receiver) {
  if (receiver.kind == Receiver::Kind::logits || sender.kind == Sender::Kind::embed) return true;
  const bool same_block_counts = receiver.kind == Receiver::Kind::mlp &&
                                 sender.kind != Sender::Kind::mlp && !spec.parallel_blocks;
  return receiver.block > sender.block || (same_block_counts && receiver.block == sender.block);
}

/// Senders in the order of the names, each once, since names of groups overlap.
std::vector<Sender> parse_senders(const TransformerSpec& spec,
                                  const std::vector<std::string>& names) {
  std::vector<Sender> found;
  for (const std::string& name : names) add_senders(spec, name, found);
  if (found.empty()) refuse(std::string("senders is empty; give ") + kSenders);
  return each_once(found);
}

std::vector<Receiver> parse_receivers(const TransformerSpec& spec,
                                      const std::vector<std::string>& names) {
  std::vector<Receiver> found;
  for (const std::string& name : names) add_receivers(spec, name, found);
  if (found.empty()) refuse(std::string("receivers is empty; give ") + kReceivers);
  return each_once(found);
}

/// Senders and receivers that do not meet would give a table of NaN.
void require_paths(const TransformerSpec& spec, const std::vector<Sender>& senders,
                   const std::vector<Receiver>& receivers) {
  for (const Sender& sender : senders)
    for (const Receiver& receiver : receivers)
      if (is_later(spec, sender, receiver)) return;
  refuse("none of the receivers reads what a sender writes (found sender '" +
         senders.front().label + "', receiver '" + receivers.front().label +
         "'); give a receiver of a later block, or logits");
}

}  // namespace lensbench::paths
