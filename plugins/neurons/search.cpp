#include "search.hpp"

#include <ATen/ops/stack.h>

#include <algorithm>
#include <set>
#include <utility>

namespace lensbench::neurons {
namespace {

/// Tokens of the text that quantiles and the random control are drawn from.
constexpr std::size_t kSample = 4096;
/// Stream that enters the MLP's block.
std::vector<std::string> stream_hooks(const NeuronLayout& layout) {
  std::vector<std::string> hooks;
  for (const std::int64_t block : layout.blocks)
    hooks.push_back(block_hook(block, "hook_resid_pre"));
  return hooks;
}

}  // namespace

std::string block_hook(std::int64_t block, const char* name) {
  return "blocks." + std::to_string(block) + "." + name;
}

NeuronLayout layout_of_neurons(const TransformerSpec& spec, const std::vector<NeuronId>& neurons) {
  NeuronLayout layout;
  layout.site_width = layout.width = spec.mlp.d_mlp;
  std::set<std::int64_t> blocks;
  for (const NeuronId& neuron : neurons) blocks.insert(neuron.block);
  for (const std::int64_t block : blocks) {
    layout.blocks.push_back(block);
    layout.sites.push_back(
        {block, layout.blocks.size() - 1, 0, 0, block_hook(block, "mlp.hook_post")});
  }
  return layout;
}

PieceValues values_of(const Model& model, const Piece& piece, const NeuronLayout& layout,
                      const std::vector<NeuronId>& neurons, bool skip) {
  PieceValues values;
  values.first_place = skip ? 1 : 0;
  std::vector<at::Tensor> columns(neurons.size());
  read_piece(
      model, piece, layout, skip,
      [&](const NeuronSite& site, const at::Tensor& rows, const std::vector<std::int64_t>&) {
        for (std::size_t i = 0; i < neurons.size(); ++i)
          if (neurons[i].block == site.block) columns[i] = rows.select(1, neurons[i].index).clone();
      },
      [&](const std::string& hook, const at::Tensor& rows) {
        values.streams[hook] = rows.narrow(0, values.first_place, rows.size(0) - values.first_place)
                                   .to(at::kCPU)
                                   .to(at::kDouble);
      },
      stream_hooks(layout));
  values.activations = at::stack(columns, 1).to(at::kDouble).contiguous();
  return values;
}

Search::Search(const Context& context, const std::vector<NeuronId>& neurons,
               const NeuronExplorerOptions& options)
    : top_(std::ssize(neurons), options.examples, options.distinct),
      moments_(std::ssize(neurons)),
      random_(context.seed(), kSampleStream) {}

void Search::add(const Piece& piece, const PieceValues& values) {
  starts_.push_back({rows_, values.first_place});
  const std::int64_t count = values.activations.size(0);
  if (count > 0) {
    top_.add(values.activations,
             std::vector<std::int64_t>(static_cast<std::size_t>(count), piece.document));
    moments_.add(values.activations);
    for (const auto& [hook, rows] : values.streams)
      streams_.try_emplace(hook, rows.size(1)).first->second.add(rows);
  }
  const double* row = values.activations.data_ptr<double>();
  const std::int64_t width = values.activations.size(1);
  for (std::int64_t r = 0; r < count; ++r, row += width) sample(piece, values, r, row, width);
}

void Search::finish() {
  for (std::size_t left = sampled_.size(); left > 1; --left)
    std::swap(sampled_[left - 1], sampled_[random_.below(left)]);
}

Example Search::where(const statistics::TopEntry& entry) const {
  const auto after =
      std::upper_bound(starts_.begin(), starts_.end(), entry.index,
                       [](std::int64_t row, const Start& start) { return row < start.row; });
  const auto start = std::prev(after);
  return {entry.value,
          start - starts_.begin(),
          entry.index - start->row + start->place,
          entry.group,
          0,
          0};
}

void Search::sample(const Piece& piece, const PieceValues& values, std::int64_t r,
                    const double* row, std::int64_t width) {
  const auto drawn = static_cast<std::size_t>(random_.below(static_cast<std::uint64_t>(++rows_)));
  const std::size_t slot = sampled_.size() < kSample ? sampled_.size() : drawn;
  if (slot >= kSample) return;
  const std::int64_t place = r + values.first_place;
  Sampled chosen{{0, std::ssize(starts_) - 1, place, piece.document, piece.first_position + place,
                  piece.tokens.ids[static_cast<std::size_t>(place)]},
                 {row, row + width}};
  if (slot == sampled_.size())
    sampled_.push_back(std::move(chosen));
  else
    sampled_[slot] = std::move(chosen);
}

}  // namespace lensbench::neurons
