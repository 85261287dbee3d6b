#include "neurons.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <map>
#include <numeric>
#include <utility>

namespace lensbench::neurons {
namespace {

std::string short_name(const HookPoint& point) {
  return point.name.substr(point.name.find('.', std::string("blocks.").size()) + 1);
}

bool has_neuron_axis(const HookPoint& point) {
  return point.layer >= 0 && point.dims.size() == 3 && point.dims[1] == "pos" &&
         (point.dims[2] == "d_mlp" || point.dims[2] == "d_model");
}

/// Points of the model that have an axis of neurons, for messages.
std::string possible_points(const TransformerSpec& spec) {
  std::string names;
  for (const HookPoint& point : hook_points(spec))
    if (point.layer == 0 && has_neuron_axis(point))
      names += (names.empty() ? "" : ", ") + short_name(point);
  if (spec.mlp.n_experts > 0) names = "mlp.hook_post, mlp.hook_pre, " + names;
  return names;
}

std::vector<HookPoint> matching(const TransformerSpec& spec, const std::string& point) {
  try {
    return match_hook_points(spec, "blocks.*." + point);
  } catch (const UsageError&) {
    return match_hook_points(spec, point);
  }
}

std::string axes_of(const HookPoint& point) {
  std::string axes;
  for (std::size_t i = 1; i < point.dims.size(); ++i) axes += (i == 1 ? "" : ", ") + point.dims[i];
  return "[" + axes + "]";
}

void add_site(NeuronLayout& layout, std::int64_t block, std::int64_t expert, std::string hook) {
  if (layout.blocks.empty() || layout.blocks.back() != block) layout.blocks.push_back(block);
  layout.sites.push_back(
      {block, layout.blocks.size() - 1, expert, expert * layout.site_width, std::move(hook)});
}

/// `mlp.hook_post` of a mixture: the points of all experts, block by block, without its dense
/// blocks.
NeuronLayout layout_of_mixture(const TransformerSpec& spec, const std::string& name) {
  NeuronLayout layout;
  layout.mixture = true;
  layout.site_width = spec.mlp.d_mlp;
  layout.width = spec.mlp.n_experts * spec.mlp.d_mlp;
  for (std::int64_t block = spec.dense_blocks; block < spec.n_layers; ++block)
    for (std::int64_t expert = 0; expert < spec.mlp.n_experts; ++expert)
      add_site(layout, block, expert,
               "blocks." + std::to_string(block) + ".mlp.experts." + std::to_string(expert) + "." +
                   name);
  return layout;
}

/// Positions of the rows of each site of a piece that is running.
class Rows {
 public:
  Rows(std::int64_t length, bool skip_first) : skip_first_(skip_first) {
    all_.resize(static_cast<std::size_t>(length));
    std::iota(all_.begin(), all_.end(), 0);
  }
  void route(const at::Tensor& experts) { routed_ = experts.to(at::kCPU); }

  void give(const NeuronSite& site, bool mixture, const at::Tensor& value,
            const ReadSite& read) const {
    std::vector<std::int64_t> positions = all_;
    at::Tensor rows = mixture ? value : value[0];
    if (mixture) {
      const at::Tensor chosen = at::where(routed_.eq(site.expert))[0].contiguous();
      const std::int64_t* first = chosen.data_ptr<std::int64_t>();
      positions.assign(first, first + chosen.numel());
    }
    if (skip_first_ && !positions.empty() && positions.front() == 0) {
      positions.erase(positions.begin());
      rows = rows.narrow(0, 1, rows.size(0) - 1);
    }
    read(site, rows.detach().to(at::kCPU).to(at::kFloat).contiguous(), positions);
  }

 private:
  bool skip_first_;
  std::vector<std::int64_t> all_;
  at::Tensor routed_;  ///< [pos, choice] of the block that is running
};

}  // namespace

NeuronLayout layout_of(const std::string& who, const TransformerSpec& spec,
                       const std::string& point) {
  for (const char* name : {"hook_post", "hook_pre", "hook_gate"})
    if (spec.mlp.n_experts > 0 && point == std::string("mlp.") + name &&
        (spec.mlp.gated || point != "mlp.hook_gate"))
      return layout_of_mixture(spec, name);
  std::vector<HookPoint> points;
  try {
    points = matching(spec, point);
  } catch (const UsageError&) {
    throw UsageError(who + ": this '" + spec.family + "' does not have the point '" + point +
                     "'; give one of " + possible_points(spec));
  }
  NeuronLayout layout;
  for (const HookPoint& found : points) {
    if (!has_neuron_axis(found))
      throw UsageError(who + ": point '" + point + "' does not have an axis of neurons (found '" +
                       found.name + "' " + axes_of(found) +
                       ", expected [pos, d_mlp] or [pos, d_model] in a block); give one of " +
                       possible_points(spec));
    const std::int64_t width = found.dims[2] == "d_mlp" ? spec.mlp.d_mlp : spec.d_model;
    if (layout.width != 0 && (layout.width != width || layout.blocks.back() == found.layer))
      throw UsageError(who + ": point '" + point + "' matches several hook points of a block; " +
                       "give one of " + possible_points(spec));
    layout.width = layout.site_width = width;
    add_site(layout, found.layer, 0, found.name);
  }
  return layout;
}

Pieces::Pieces(const Context& context, const Tokens& prompt, const TextOptions& options)
    : prompt_(prompt), most_(options.windows) {
  if (options.text.empty()) return;
  const Model& model = context.model();
  corpus_ = std::make_unique<Corpus>(
      model, options.text,
      CorpusOptions{.length = std::min(options.window, position_limit(model.spec())),
                    .shuffle = options.windows > 0,
                    .seed = context.seed()});
}

std::optional<Piece> Pieces::next() {
  if (!corpus_) {
    if (given_++ > 0) return std::nullopt;
    return Piece{prompt_, 0, 0};
  }
  if (most_ > 0 && given_ >= most_) return std::nullopt;
  auto window = corpus_->next();
  if (!window) return std::nullopt;
  ++given_;
  return Piece{std::move(window->tokens), window->document, window->first_position};
}

void Pieces::rewind() {
  given_ = 0;
  if (corpus_) corpus_->rewind();
}

void check_text(const Model& model, const std::string& text) {
  if (!text.empty()) Corpus(model, text);
}

void read_piece(
    const Model& model, const Piece& piece, const NeuronLayout& layout, bool skip_first,
    const ReadSite& read,
    const std::function<void(const std::string& hook, const at::Tensor& rows)>& read_stream,
    const std::vector<std::string>& streams) {
  Rows rows(piece.tokens.size(), skip_first);
  Hooks hooks;
  for (const std::string& hook : streams)
    hooks.read(hook,
               [&](const at::Tensor& value, const HookPoint&) { read_stream(hook, value[0]); });
  if (layout.mixture)
    for (const std::int64_t block : layout.blocks)
      hooks.read("blocks." + std::to_string(block) + ".mlp.hook_expert_indices",
                 [&](const at::Tensor& value, const HookPoint&) { rows.route(value); });
  for (const NeuronSite& site : layout.sites)
    hooks.read(site.hook, [&](const at::Tensor& value, const HookPoint&) {
      rows.give(site, layout.mixture, value, read);
    });
  ForwardOptions options;
  options.stop_at_layer = layout.blocks.back() + 1;
  model.forward(make_batch(piece.tokens), options, hooks);
}

}  // namespace lensbench::neurons
