#include "model/forward/attention_core.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <vector>

#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

/// Most score elements held at once over all heads (16 MiB of float32), and the fewest query rows
/// for which a matrix product is still fast.
constexpr std::int64_t kScoreElements = 1 << 22;
constexpr std::int64_t kFewestRows = 32;

/// Consecutive queries of one sequence and the keys that any of them sees.
struct Tile {
  std::int64_t row;                   ///< row of the batch
  std::int64_t query_begin, queries;  ///< range in the new positions
  std::int64_t key_begin, keys;       ///< range in all positions, cached ones first

  at::Tensor of_queries(const at::Tensor& x) const {  // [batch, head, pos, ...]
    return x.select(0, row).narrow(1, query_begin, queries);
  }
  at::Tensor of_keys(const at::Tensor& x, std::int64_t first) const {  // x from key `first` on
    return x.select(0, row).narrow(1, key_begin - first, keys);
  }
  at::Tensor of_pairs(const at::Tensor& x) const {  // [batch, head, query, key]
    return of_queries(x).narrow(2, key_begin, keys);
  }
};

/// Attention in tiles of queries, so that memory grows with the sequence and not with its square.
/// Each tile has only the keys that its queries can see: causal masks and windows thus save work.
class Attend {
 public:
  /// \param pairs  true to keep scores and pattern over all keys, for hooks
  Attend(const ForwardState& state, MaskCache& masks, std::int64_t layer, const Heads& heads,
         bool pairs)
      : state_(state),
        masks_(masks),
        spec_(state.spec.attention),
        dtype_(heads.v.scalar_type()),
        wide_(accumulation_type(dtype_)) {
    const auto l = static_cast<std::size_t>(layer);
    if (state.spec.attention_sinks) sinks_ = state.weights.blocks[l].sinks.to(wide_);
    window_ = spec_.window(layer);
    scale_ = spec_.scale * (spec_.layer_scale.empty() ? 1.0 : spec_.layer_scale[l]);
    all_positions_ = heads.k.size(2);
    // Cached keys that no new query sees are skipped, which also saves their conversion.
    if (window_ != 0 && !pairs)
      first_key_ = std::max<std::int64_t>(0, state.past - std::abs(window_) + 1);
    const auto seen = [&](const at::Tensor& x) {
      return x.narrow(2, first_key_, all_positions_ - first_key_).to(wide_);
    };
    q_ = heads.q.to(wide_);
    k_ = seen(heads.k);
    v_ = seen(heads.v);
  }

  /// Scores of a tile are reduced to z before those of the next tile exist.
  at::Tensor without_pairs() {
    at::Tensor z = empty_z();
    for (const Tile& tile : tiles()) store(z, tile, weighted_values(tile, softmax(scores(tile))));
    return z;
  }

  /// Scores and pattern [batch, head, query, key] as a whole, which hooks need. Unless a hook
  /// changes them, they are computed in the same tiles as without hooks, so reading changes no bit
  /// of z.
  at::Tensor with_pairs(const HookSite& hooks) {
    at::Tensor all_scores = at::full(pair_shape(), kMinusInfinity, q_.options());
    for (const Tile& tile : tiles()) tile.of_pairs(all_scores).copy_(scores(tile));
    const at::Tensor hooked_scores = hooks.apply(Point::attn_scores, all_scores);
    // A replacement may let queries see keys that the tiles leave out, and the gradient with
    // respect to the pattern includes those keys.
    bool whole = state_.gradients || !same_values(all_scores, hooked_scores);
    const at::Tensor pattern = pattern_of(hooked_scores, whole);
    const at::Tensor hooked_pattern = hooks.apply(Point::pattern, pattern);
    whole = whole || !same_values(pattern, hooked_pattern);
    return values_of(hooked_pattern, whole);
  }

 private:
  std::int64_t positions() const { return q_.size(2); }
  std::int64_t all_positions() const { return all_positions_; }
  std::vector<std::int64_t> pair_shape() const {
    return {q_.size(0), q_.size(1), positions(), all_positions()};
  }
  at::Tensor empty_z() const {
    return at::zeros({q_.size(0), positions(), q_.size(1), v_.size(3)}, q_.options().dtype(dtype_));
  }

  /// Tiles that cover the real queries. \param whole  true to give every tile all keys
  std::vector<Tile> tiles(bool whole = false) const {
    // Rows of a tile: as many as kScoreElements allow over all heads, but not so few that the
    // product becomes slow.
    const std::int64_t rows =
        std::max(kFewestRows, kScoreElements / (q_.size(1) * all_positions()));
    std::vector<Tile> result;
    for (std::int64_t b = 0; b < q_.size(0); ++b) {
      // Padded queries are skipped; their z stays 0.
      const std::int64_t padding = state_.padding.empty() ? 0 : state_.padding[b];
      std::int64_t begin = std::max<std::int64_t>(0, padding - state_.past);
      for (; begin < positions(); begin += rows) {
        Tile tile{b, begin, std::min(rows, positions() - begin), 0, all_positions()};
        if (!whole) trim_keys(tile, padding);
        result.push_back(tile);
      }
    }
    return result;
  }

  /// Drops the keys that no query of the tile sees: later than the last one, before the window of
  /// the first one, and padding.
  void trim_keys(Tile& tile, std::int64_t padding) const {
    const std::int64_t first = state_.past + tile.query_begin;
    const std::int64_t end = spec_.causal ? first + tile.queries : all_positions();
    tile.key_begin = padding;
    if (window_ > 0) tile.key_begin = std::max(padding, first - window_ + 1);
    // The first chunk of a row begins with its first real token.
    if (window_ < 0) tile.key_begin = first - (first - padding) % -window_;
    tile.keys = end - tile.key_begin;
  }

  /// Mask [query, key]: 0 where a query sees a key, else minus infinity; undefined if all are seen.
  at::Tensor mask(const Tile& tile) {
    // A single query sees all keys that trimming left.
    if (!spec_.causal || tile.queries == 1) return {};
    const std::int64_t diagonal = state_.past + tile.query_begin - tile.key_begin;
    at::Tensor& mask = masks_[{tile.queries, tile.keys, diagonal, window_}];
    if (mask.defined()) return mask;
    const auto index = q_.options().dtype(at::kLong);
    const at::Tensor last = at::arange(diagonal, diagonal + tile.queries, index).unsqueeze(1);
    const at::Tensor key = at::arange(tile.keys, index).unsqueeze(0);
    at::Tensor hidden = key.gt(last);
    if (window_ > 0) hidden = hidden.logical_or(key.le(last.sub(window_)));
    // The first key of a tile is the first of a chunk.
    if (window_ < 0) hidden = hidden.logical_or(key.lt(last.sub(last.remainder(-window_))));
    mask = at::zeros({tile.queries, tile.keys}, q_.options().requires_grad(false))
               .masked_fill(hidden, kMinusInfinity);
    return mask;
  }

  /// Query heads that share a key head are stacked, so that one product serves them all.
  at::Tensor grouped(
      const at::Tensor& x) const {  // [head, queries, n] -> [kv_head, group * queries, n]
    const std::int64_t kv = k_.size(1);
    return x.size(0) == kv ? x : x.reshape({kv, x.size(0) / kv * x.size(1), x.size(2)});
  }

  at::Tensor scores(const Tile& tile) {
    const at::Tensor q = grouped(tile.of_queries(q_));
    const at::Tensor k = tile.of_keys(k_, first_key_).transpose(1, 2);
    const at::Tensor mask = this->bias(tile);
    const std::vector<std::int64_t> shape{q_.size(1), tile.queries, tile.keys};
    // The cap applies to the products only, so the mask is added after it.
    if (spec_.score_softcap > 0.0) {
      const at::Tensor capped = softcap(at::bmm(q, k).mul(scale_), spec_.score_softcap).view(shape);
      return mask.defined() ? capped.add(mask) : capped;
    }
    if (!mask.defined()) return at::bmm(q, k).mul(scale_).view(shape);
    // One call scales the products and adds the mask to them.
    if (mask.dim() == 3)
      return at::baddbmm(grouped(mask.expand(shape)), q, k, 1.0, scale_).view(shape);
    const std::int64_t group = q_.size(1) / k_.size(1);
    const at::Tensor stacked = group == 1 ? mask : mask.repeat({group, 1});
    return at::baddbmm(stacked.unsqueeze(0).expand({k.size(0), stacked.size(0), tile.keys}), q, k,
                       1.0, scale_)
        .view(shape);
  }

  /// Term added to the products: the mask [query, key], or with ALiBi [head, query or 1, key].
  at::Tensor bias(const Tile& tile) {
    const at::Tensor mask = this->mask(tile);
    if (!state_.alibi.defined()) return mask;
    const at::Tensor row = state_.alibi.select(0, state_.alibi.size(0) == 1 ? 0 : tile.row);
    const at::Tensor keys = row.narrow(1, tile.key_begin, tile.keys).unsqueeze(1);
    return mask.defined() ? keys.add(mask) : keys;
  }

  /// Softmax of scores [head, query, key] in the accumulation type, rounded to the type of the
  /// model before it multiplies the values. The sink of a head is a further score that no value
  /// belongs to, so that the rows sum to less than 1.
  at::Tensor softmax(const at::Tensor& scores) const {
    if (!sinks_.defined()) return at::softmax(scores, -1).to(dtype_);
    const std::int64_t keys = scores.size(-1);
    const at::Tensor sinks = sinks_.view({-1, 1, 1})
                                 .expand({scores.size(0), scores.size(1), 1})
                                 .to(scores.scalar_type());
    return at::softmax(at::cat({scores, sinks}, -1), -1).narrow(-1, 0, keys).to(dtype_);
  }

  at::Tensor weighted_values(const Tile& tile, const at::Tensor& pattern) const {
    const at::Tensor z = at::bmm(grouped(pattern.to(wide_)), tile.of_keys(v_, first_key_));
    return z.view({q_.size(1), tile.queries, v_.size(3)});
  }

  void store(at::Tensor& z, const Tile& tile, const at::Tensor& values) const {
    z.select(0, tile.row).narrow(0, tile.query_begin, tile.queries).copy_(values.transpose(0, 1));
  }

  at::Tensor pattern_of(const at::Tensor& scores, bool whole) const {
    at::Tensor pattern = at::zeros(pair_shape(), q_.options().dtype(dtype_));
    for (const Tile& tile : tiles(whole))
      tile.of_pairs(pattern).copy_(without_nan(softmax(tile.of_pairs(scores)), whole));
    return pattern;
  }

  /// A replacement may hide every key of a query; such a query attends to nothing.
  static at::Tensor without_nan(const at::Tensor& pattern, bool replaced) {
    return replaced ? pattern.masked_fill(pattern.isnan(), 0.0) : pattern;
  }

  at::Tensor values_of(const at::Tensor& pattern, bool whole) const {
    at::Tensor z = empty_z();
    for (const Tile& tile : tiles(whole))
      store(z, tile, weighted_values(tile, tile.of_pairs(pattern)));
    return z;
  }

  const ForwardState& state_;
  MaskCache& masks_;
  const AttentionSpec& spec_;
  at::ScalarType dtype_, wide_;
  std::int64_t window_ = 0;  ///< keys that a query sees; below 0: positions of a chunk; 0: all keys
  std::int64_t all_positions_ = 0;
  std::int64_t first_key_ = 0;  ///< first key in k_ and v_
  double scale_ = 1.0;
  at::Tensor q_, k_, v_;
  at::Tensor sinks_;  ///< [head]; undefined without sinks
};

}  // namespace

at::Tensor attend(const ForwardState& state, MaskCache& masks, std::int64_t layer,
                  const Heads& heads) {
  const HookSite hooks(state.plan, layer);
  const bool pairs = hooks.wants(Point::attn_scores) || hooks.wants(Point::pattern);
  Attend core(state, masks, layer, heads, pairs);
  return pairs ? core.with_pairs(hooks) : core.without_pairs();
}

}  // namespace lensbench
