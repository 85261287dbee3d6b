#include "model/forward/forward_setup.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <sstream>
#include <utility>

#include "model/forward/alibi.hpp"
#include "model/vision/picture_positions.hpp"

namespace lensbench {
namespace {

/// Ends a forward before it begins: every argument is checked here, so that the blocks can index
/// and multiply without checks.
template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream message;
  message << "forward: ";
  (message << ... << parts);
  throw UsageError(message.str());
}

/// An id outside the table would read other memory in the lookup of the embedding.
void check_ids(const TransformerSpec& spec, const TokenBatch& tokens) {
  const at::Tensor& ids = tokens.ids;
  if (!ids.defined() || ids.dim() != 2 || ids.scalar_type() != at::kLong || ids.numel() == 0)
    refuse("token ids must be an int64 tensor [batch, pos] with at least one token");
  const std::int64_t low = ids.min().item<std::int64_t>(), high = ids.max().item<std::int64_t>();
  if (low < 0 || high >= spec.vocab_size)
    refuse("token id ", low < 0 ? low : high, " is outside the vocabulary of ", spec.vocab_size,
           " tokens");
}

/// Padding on the left alone: positions count real tokens, and the last column is the last real
/// token of every row.
void check_mask(const TokenBatch& tokens) {
  const at::Tensor& mask = tokens.mask;
  if (!mask.defined()) return;
  if (mask.scalar_type() != at::kBool || mask.sizes() != tokens.ids.sizes())
    refuse("the mask must be bool with the shape of the ids ", tokens.ids.sizes(), ", found ",
           mask.scalar_type(), " ", mask.sizes());
  // The row must never fall from real to padded, and must end with a real token.
  const std::int64_t length = mask.size(1);
  const bool ends_real = mask.select(1, length - 1).all().item<bool>();
  const bool only_left =
      length == 1 ||
      mask.narrow(1, 0, length - 1).le(mask.narrow(1, 1, length - 1)).all().item<bool>();
  if (!ends_real || !only_left)
    refuse("padding must be on the left, with at least one real token after it in each sequence");
}

void check_types(const TransformerSpec& spec, const TokenBatch& tokens) {
  const at::Tensor& types = tokens.types;
  if (!types.defined()) return;
  if (spec.token_types == 0)
    refuse("token types are given, but models of family '", spec.family,
           "' lack them; leave them out");
  if (types.scalar_type() != at::kLong || types.sizes() != tokens.ids.sizes())
    refuse("token types must be int64 with the shape of the ids ", tokens.ids.sizes(), ", found ",
           types.scalar_type(), " ", types.sizes());
  if (types.min().item<std::int64_t>() < 0 || types.max().item<std::int64_t>() >= spec.token_types)
    refuse("token types must be from 0 to ", spec.token_types - 1);
}

/// Columns that precede those of this forward, from the prefix or from the cache.
std::int64_t cached_length(const ForwardOptions& options) {
  if (options.prefix) return options.prefix_columns;
  return options.cache ? options.cache->length() : 0;
}

bool has_pictures(const TokenBatch& tokens) {
  return std::any_of(tokens.pictures.begin(), tokens.pictures.end(),
                     [](const auto& row) { return !row.empty(); });
}

bool has_placeholders(const VisionSpec& spec, const TokenBatch& tokens) {
  return tokens.ids.eq(spec.image_token_id)
      .logical_or(tokens.ids.eq(spec.video_token_id))
      .any()
      .item<bool>();
}

/// Pictures enter a sequence in its first forward only.
void check_pictures(const TransformerSpec& spec, const TokenBatch& tokens,
                    const ForwardOptions& options) {
  const std::int64_t held = cached_length(options);
  if (!tokens.pictures.empty() &&
      static_cast<std::int64_t>(tokens.pictures.size()) != tokens.batch_size())
    refuse("pictures are given for ", tokens.pictures.size(), " rows, but the tokens have ",
           tokens.batch_size());
  if (!spec.vision && has_pictures(tokens))
    refuse("pictures are given, but models of family '", spec.family,
           "' read text only; leave them out");
  if (held == 0 || !spec.vision) return;
  // A placeholder that was generated counts as text, as in transformers.
  const bool generated = options.prompt_length && held >= *options.prompt_length;
  if (has_pictures(tokens) || (!generated && has_placeholders(*spec.vision, tokens)))
    refuse("the tokens that continue a sequence have pictures; give these with its first tokens");
}

/// Whether keys of a cache [batch, kv_head, pos, d_head] have the shape of those of this model,
/// which are the vectors of latent attention.
bool fits_keys(const TransformerSpec& spec, const at::Tensor& keys) {
  const std::int64_t heads = spec.latent ? 1 : spec.attention.n_key_value_heads;
  const std::int64_t width = spec.latent ? spec.latent->key_value_rank : spec.attention.d_head;
  return keys.size(1) == heads && keys.size(3) == width;
}

/// A cache holds keys and values of earlier columns, which only a forward through all blocks of the
/// same model continues.
void check_cache(const TransformerSpec& spec, const TokenBatch& tokens,
                 const ForwardOptions& options) {
  if (!options.cache) return;
  if (!spec.attention.causal)
    refuse("every position of a '", spec.family,
           "' model sees the whole text, so keys and values cannot be cached; run without a cache");
  if (options.start_at_layer != 0 || options.stop_at_layer || options.residual.defined())
    refuse(
        "a cache needs a forward of all blocks; leave out start_at_layer, residual, stop_at_layer");
  if (options.gradients) refuse("gradients do not pass through a key-value cache");
  const CacheAccess::State& state = CacheAccess::state(*options.cache);
  if (state.length == 0) return;
  const at::Tensor& keys = state.layers.empty() ? at::Tensor() : state.layers.front().keys;
  if (static_cast<std::int64_t>(state.layers.size()) != spec.n_layers || !keys.defined() ||
      !fits_keys(spec, keys))
    refuse("the cache was filled by a model of another shape; start with an empty cache");
  if (keys.size(0) != tokens.batch_size())
    refuse("the cache holds ", keys.size(0), " sequences, but the tokens have ",
           tokens.batch_size());
  // The padding of the rows was given when the cache was empty.
  if (tokens.mask.defined() && !tokens.mask.all().item<bool>())
    refuse("tokens that continue a cache cannot be padded");
}

/// A prefix is read by all rows of the batch and is not extended.
void check_prefix(const TransformerSpec& spec, const TokenBatch& tokens,
                  const ForwardOptions& options) {
  if (!options.prefix) return;
  if (options.cache || tokens.mask.defined())
    refuse("a prefix excludes a cache and a mask; leave these out");
  if (options.gradients) refuse("gradients do not pass through a key-value cache");
  const CacheAccess::State& state = CacheAccess::state(*options.prefix);
  if (options.prefix_columns < 0 || options.prefix_columns > state.length)
    refuse("prefix_columns is ", options.prefix_columns, ", but the prefix has ", state.length,
           " columns");
  if (options.prefix_columns == 0) return;
  const at::Tensor& keys = state.layers.front().keys;
  if (static_cast<std::int64_t>(state.layers.size()) != spec.n_layers || keys.size(0) != 1 ||
      !fits_keys(spec, keys) || !state.padding.empty())
    refuse("the prefix must be one sequence, without padding, of a model of this shape");
}

/// A forward that begins at a later block takes its stream [batch, pos, d_model] from the caller,
/// in the type of the weights.
void check_residual(const TransformerSpec& spec, const ModelWeights& weights,
                    const TokenBatch& tokens, const ForwardOptions& options) {
  const at::Tensor& residual = options.residual;
  if (!residual.defined()) {
    if (options.start_at_layer > 0)
      refuse("start_at_layer ", options.start_at_layer,
             " needs the residual that enters that block");
    return;
  }
  const std::vector<std::int64_t> expected{tokens.batch_size(), tokens.length(), spec.d_model};
  if (residual.sizes() != at::IntArrayRef(expected) ||
      residual.scalar_type() != weights.embedding.scalar_type())
    refuse("the residual must be ", weights.embedding.scalar_type(), " ", at::IntArrayRef(expected),
           ", found ", residual.scalar_type(), " ", residual.sizes());
}

/// Refuses a cache whose keys differ from those that a whole forward of the longer sequence makes.
void check_scaling(const TransformerSpec& spec, const TokenBatch& tokens,
                   const ForwardOptions& options) {
  const std::int64_t columns = cached_length(options);
  if (columns == 0 || !spec.rope) return;
  // Keys of a prefix serve a forward of other length only if both lengths have the same angles.
  if (options.prefix) {
    const std::int64_t ran = CacheAccess::state(*options.prefix).length;
    if (ran != columns + tokens.length() &&
        outgrows_cache(*spec.rope, columns + tokens.length(), std::max(ran, spec.max_positions)))
      refuse(
          "the rotary scaling of this model depends on the length, so a prefix from a forward of ",
          ran, " tokens serves only forwards that end at the same position");
    return;
  }
  const std::vector<std::int64_t>& padding = CacheAccess::state(*options.cache).padding;
  for (std::int64_t row = 0; row < tokens.batch_size(); ++row) {
    const std::int64_t held =
        padding.empty() ? columns : columns - padding[static_cast<std::size_t>(row)];
    if (outgrows_cache(*spec.rope, held, held + tokens.length()))
      refuse("beyond ", spec.rope->original_max_positions,
             " positions the rotary scaling of this model changes, so a cache of ", held,
             " positions differs from a whole forward; run without the cache");
  }
}

/// Real tokens count, not padded columns. \throws InputError if the longest row does not fit the
/// model
void check_positions(const TransformerSpec& spec, const TokenBatch& tokens,
                     const ForwardOptions& options) {
  std::int64_t longest = tokens.length();
  if (tokens.mask.defined()) longest = tokens.mask.sum(1).max().item<std::int64_t>();
  std::int64_t held = cached_length(options);
  if (held > 0 && options.cache) {
    const std::vector<std::int64_t>& padding = CacheAccess::state(*options.cache).padding;
    // The row with the least padding holds the most real tokens.
    if (!padding.empty()) held -= *std::min_element(padding.begin(), padding.end());
  }
  if (const std::int64_t limit = position_limit(spec); held + longest > limit)
    throw InputError("forward: a text of " + std::to_string(held + longest) +
                     " tokens is longer than the " + std::to_string(limit) +
                     " positions of this model; shorten the prompt");
  check_scaling(spec, tokens, options);
}

/// Padded columns at the left of each row; empty if there are none. A filled cache knows its own.
std::vector<std::int64_t> left_padding(const TokenBatch& tokens, const ForwardOptions& options) {
  if (options.cache && cached_length(options) > 0)
    return CacheAccess::state(*options.cache).padding;
  if (!tokens.mask.defined() || tokens.mask.all().item<bool>()) return {};
  const at::Tensor counts = tokens.mask.logical_not().sum(1).to(at::kCPU).contiguous();
  const std::int64_t* begin = counts.data_ptr<std::int64_t>();
  return {begin, begin + counts.numel()};
}

/// Positions [batch or 1, count] of columns begin … begin + count, real tokens counted from 0.
at::Tensor positions_from(const std::vector<std::int64_t>& padding, std::int64_t begin,
                          std::int64_t count, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  const at::Tensor columns = at::arange(begin, begin + count, options).unsqueeze(0);
  if (padding.empty()) return columns;
  const at::Tensor shift = at::tensor(padding, at::kLong).to(device).unsqueeze(1);
  // Padded columns get position 0, which only has to exist, since real queries never see them.
  return columns.sub(shift).clamp_min(0);
}

/// Positions that rotate queries and keys: those of the tokens, or [3, batch, pos] where there are
/// pictures. Text without pictures has equal positions on all axes, for which one suffices.
at::Tensor rotary_positions(const TokenBatch& tokens, const ForwardOptions& options,
                            ForwardState& state) {
  if (!state.spec.vision) return state.positions;
  if (state.past == 0) {
    // Without blocks the forward only reads the table of embeddings, which has a row for
    // placeholders.
    const bool only_embedding = options.stop_at_layer == 0;
    if (!has_pictures(tokens) && (only_embedding || !has_placeholders(*state.spec.vision, tokens)))
      return state.positions;
    PicturePositions found = picture_positions(*state.spec.vision, tokens, state.padding,
                                               options.prompt_length.value_or(tokens.length()));
    state.pictures = std::move(found.spans);
    return found.ids.to(state.positions.device());
  }
  const CacheAccess::State& held =
      options.prefix ? CacheAccess::state(*options.prefix) : CacheAccess::state(*options.cache);
  if (held.pictures.empty()) return state.positions;
  std::vector<std::int64_t> shifts;
  shifts.reserve(held.pictures.size());
  for (const auto& row : held.pictures) shifts.push_back(shift_at(row, state.past));
  return state.positions.add(
      at::tensor(shifts, at::kLong).to(state.positions.device()).unsqueeze(1));
}

}  // namespace

Reach checked_reach(const TransformerSpec& spec, const ModelWeights& weights,
                    const TokenBatch& tokens, const ForwardOptions& options) {
  check_ids(spec, tokens);
  check_mask(tokens);
  check_types(spec, tokens);
  check_pictures(spec, tokens, options);
  const std::int64_t stop = options.stop_at_layer.value_or(spec.n_layers);
  if (options.start_at_layer < 0 || stop > spec.n_layers || options.start_at_layer > stop)
    refuse("blocks ", options.start_at_layer, " to ", stop, " were requested of a model with ",
           spec.n_layers, " blocks");
  check_residual(spec, weights, tokens, options);
  check_cache(spec, tokens, options);
  // Lengths last, since they read the cache and the prefix that were checked before.
  check_prefix(spec, tokens, options);
  check_positions(spec, tokens, options);
  const bool logits = !options.stop_at_layer && options.logits != ForwardOptions::Logits::none;
  const bool embedding = !options.residual.defined();
  return {options.start_at_layer, stop, embedding, logits, embedding && has_pictures(tokens)};
}

namespace {

/// Adds biases of ALiBi, and the angles of rotary positions.
/// \param rotary  positions that rotate queries and keys
/// \param length  positions of this forward
void add_position_tables(ForwardState& state, const at::Tensor& rotary, std::int64_t length) {
  const TransformerSpec& spec = state.spec;
  const at::Tensor& embedding = state.weights.embedding;
  if (spec.position == PositionKind::alibi)
    // ALiBi depends on the positions of all keys, those of the cache included.
    state.alibi =
        alibi_bias(spec, embedding.scalar_type(),
                   positions_from(state.padding, 0, state.past + length, embedding.device()));
  if (!spec.rope) return;
  state.rope = rope_table(*spec.rope, rotary);
  if (const auto& factors = state.weights.settings.rotary_factors)
    state.rope = scaled_by_length(*spec.rope, *factors, state.rope, rotary);
  if (spec.local_rope) state.local_rope = rope_table(*spec.local_rope, state.positions);
}

}  // namespace

ForwardState start_forward(const TransformerSpec& spec, const ModelWeights& weights,
                           const HookPlan& plan, const TokenBatch& tokens,
                           const ForwardOptions& options, Profile* profile) {
  ForwardState state{spec, weights, plan};
  state.profile = profile;
  state.gradients = options.gradients;
  state.past = cached_length(options);
  state.padding = left_padding(tokens, options);
  const at::Device device = weights.embedding.device();
  state.positions = positions_from(state.padding, state.past, tokens.length(), device);
  const at::Tensor rotary = rotary_positions(tokens, options, state);
  if (options.prefix) state.prefix = &CacheAccess::state(*options.prefix);
  if (options.cache) {
    state.cache = &CacheAccess::state(*options.cache);
    // The model that fills an empty cache gives it its shape.
    if (state.past == 0) state.cache->layers.assign(static_cast<std::size_t>(spec.n_layers), {});
  }
  add_position_tables(state, rotary, tokens.length());
  return state;
}

void set_hook_positions(HookPlan& plan, const ForwardState& state, const TokenBatch& tokens,
                        const ForwardOptions& options) {
  SequencePlace place;
  place.first_column = state.past;
  place.columns = tokens.length();
  place.padding = state.padding;
  // In a growing sequence, positions counted from the end refer to the prompt.
  place.grows = options.prompt_length.has_value() || options.cache || options.prefix;
  place.prompt_columns = options.prompt_length.value_or(state.past + tokens.length());
  SequencePlace after_blocks = place;
  // Hooks after the blocks then see one column.
  if (options.logits == ForwardOptions::Logits::last) {
    after_blocks.first_column += after_blocks.columns - 1;
    after_blocks.columns = 1;
  }
  plan.set_positions(place, after_blocks);
}

void finish_cache(const ForwardState& state, std::int64_t new_positions) {
  state.cache->length = state.past + new_positions;
  state.cache->padding = state.padding;
  // Later tokens do not have pictures of their own.
  if (state.past == 0) state.cache->pictures = state.pictures;
}

}  // namespace lensbench
