#include "examples.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <lensbench/streaming_statistics.hpp>
#include <numeric>
#include <set>
#include <utility>

#include "activity.hpp"

namespace lensbench::neurons {
namespace {

/// Tokens of the text that quantiles and the random control are drawn from.
constexpr std::size_t kSample = 4096;
/// Tokens of the label of an example.
constexpr std::int64_t kTokensOfLabel = 8;
/// Examples of each quantile.
constexpr std::size_t kExamplesOfQuantile = 5;

/// A piece of which rows were counted.
struct Start {
  std::int64_t row = 0;    ///< number of its first row in the text
  std::int64_t place = 0;  ///< position of that row in the piece
};

/// One token of the random sample.
struct Sampled {
  Example where;  ///< without an activation
  std::vector<double> activations;
};

std::string block_hook(std::int64_t block, const char* name) {
  return "blocks." + std::to_string(block) + "." + name;
}

/// The blocks of some neurons, as a layout that reads only these.
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

/// Stream that enters the MLP's block.
std::vector<std::string> stream_hooks(const NeuronLayout& layout) {
  std::vector<std::string> hooks;
  for (const std::int64_t block : layout.blocks)
    hooks.push_back(block_hook(block, "hook_resid_pre"));
  return hooks;
}

/// Values of one piece: activations of the neurons [row, neuron] and streams by hook, both without
/// the rows that are left out.
struct PieceValues {
  at::Tensor activations;
  std::map<std::string, at::Tensor> streams;
  std::int64_t first_place = 0;
};

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

/// What the first reading of the text collects.
class Search {
 public:
  Search(const Context& context, const std::vector<NeuronId>& neurons,
         const NeuronExplorerOptions& options)
      : top_(std::ssize(neurons), options.examples, options.distinct),
        moments_(std::ssize(neurons)),
        random_(context.seed(), kSampleStream) {}

  void add(const Piece& piece, const PieceValues& values) {
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

  /// Ends the reading: the sample gets a random order.
  void finish() {
    for (std::size_t left = sampled_.size(); left > 1; --left)
      std::swap(sampled_[left - 1], sampled_[random_.below(left)]);
  }

  /// Where a row of the text is: its piece, and the position in it.
  Example where(const statistics::TopEntry& entry) const {
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

  const statistics::StreamingTop& top() const { return top_; }
  const statistics::StreamingMoments& moments() const { return moments_; }
  const std::vector<Sampled>& sampled() const { return sampled_; }
  at::Tensor mean_stream(const std::string& hook) const { return streams_.at(hook).mean(); }
  std::int64_t rows() const { return rows_; }
  std::int64_t pieces() const { return std::ssize(starts_); }

 private:
  /// Keeps each row with equal probability (Vitter 1985, algorithm R).
  void sample(const Piece& piece, const PieceValues& values, std::int64_t r, const double* row,
              std::int64_t width) {
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

  statistics::StreamingTop top_;
  statistics::StreamingMoments moments_;
  std::map<std::string, statistics::StreamingMoments> streams_;
  std::vector<Start> starts_;
  std::vector<Sampled> sampled_;
  Philox random_;
  std::int64_t rows_ = 0;
};

/// Examples of equal parts of the sample, by the activation of one neuron.
std::vector<std::vector<Example>> quantiles_of(const std::vector<Sampled>& sampled,
                                               std::size_t neuron, std::int64_t quantiles) {
  std::vector<Example> sorted;
  sorted.reserve(sampled.size());
  for (const Sampled& one : sampled) {
    sorted.push_back(one.where);
    sorted.back().activation = one.activations[neuron];
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Example& a, const Example& b) { return a.activation < b.activation; });
  std::vector<std::vector<Example>> parts;
  // Parts differ by at most one example, and together they are the whole sample.
  const auto count = static_cast<std::size_t>(quantiles);
  const std::size_t shown = std::min(sorted.size() / count, kExamplesOfQuantile);
  parts.reserve(count);
  for (std::size_t q = 0; q < count; ++q) {
    const std::size_t first = q * sorted.size() / count;
    const std::size_t size = (q + 1) * sorted.size() / count - first;
    std::vector<Example> part;
    part.reserve(shown);
    // Evenly over the part, from its smallest to its largest activation.
    for (std::size_t i = 0; i < shown; ++i)
      part.push_back(sorted[first + (shown > 1 ? i * (size - 1) / (shown - 1) : size / 2)]);
    parts.push_back(std::move(part));
  }
  return parts;
}

ExampleContext context_of(const Piece& piece, const PieceValues& values, const Example& example,
                          std::int64_t neuron, std::int64_t width) {
  ExampleContext out;
  const std::int64_t first = std::max<std::int64_t>(0, example.place - width);
  const std::int64_t end = std::min(piece.tokens.size(), example.place + width + 1);
  for (std::int64_t p = first; p < end; ++p) {
    const std::string& token = piece.tokens.texts[static_cast<std::size_t>(p)];
    const std::string shown = p == example.place ? "«" + token + "»" : token;
    out.text += shown;
    if (p > example.place - kTokensOfLabel && p <= example.place) out.label += shown;
    out.tokens.push_back(token);
    const std::int64_t row = p - values.first_place;
    out.activations.push_back(row < 0 ? kNaN : values.activations[row][neuron].item<double>());
  }
  return out;
}

/// Streams of examples, and their contexts: a second reading of the pieces that have some.
void read_again(Context& context, Pieces& pieces, const NeuronLayout& layout,
                const std::vector<NeuronId>& neurons, const NeuronExplorerOptions& options,
                const Search& search, TextExamples& out) {
  const std::size_t control =
      std::min(search.sampled().size(), static_cast<std::size_t>(options.examples));
  std::set<std::int64_t> needed;
  for (const NeuronExamples& neuron : out.neurons)
    for (const Example& example : neuron.top) needed.insert(example.piece);
  for (std::size_t i = 0; i < control; ++i) needed.insert(search.sampled()[i].where.piece);
  std::vector<std::vector<at::Tensor>> streams(neurons.size());
  std::map<std::string, std::vector<at::Tensor>> random;
  pieces.rewind();
  for (std::int64_t number = 0; auto piece = pieces.next(); ++number) {
    if (!needed.contains(number)) continue;
    if (context.cancelled()) throw RunError("neuron_explorer: the run was interrupted");
    const bool skip = options.exclude_first && piece->first_position == 0;
    const PieceValues values = values_of(context.model(), *piece, layout, neurons, skip);
    for (std::size_t n = 0; n < neurons.size(); ++n) {
      NeuronExamples& neuron = out.neurons[n];
      for (std::size_t i = 0; i < neuron.top.size(); ++i) {
        Example& example = neuron.top[i];
        if (example.piece != number) continue;
        example.token = piece->tokens.ids[static_cast<std::size_t>(example.place)];
        example.position = piece->first_position + example.place;
        neuron.contexts[i] =
            context_of(*piece, values, example, static_cast<std::int64_t>(n), options.context);
        const std::int64_t row = example.place - values.first_place;
        const double again = values.activations[row][static_cast<std::int64_t>(n)].item<double>();
        out.reproduced = std::max(out.reproduced, std::abs(again - example.activation));
        streams[n].push_back(
            values.streams.at(block_hook(neurons[n].block, "hook_resid_pre"))[row].clone());
      }
    }
    for (std::size_t i = 0; i < control; ++i) {
      const Example& example = search.sampled()[i].where;
      if (example.piece != number) continue;
      for (const auto& [hook, rows] : values.streams)
        random[hook].push_back(rows[example.place - values.first_place].clone());
    }
  }
  for (std::size_t n = 0; n < neurons.size(); ++n) {
    if (streams[n].empty()) continue;
    const std::string hook = block_hook(neurons[n].block, "hook_resid_pre");
    const at::Tensor mean = search.mean_stream(hook);
    out.neurons[n].context_spread = spread_of_rows(at::stack(streams[n]), mean);
    out.neurons[n].random_context_spread = spread_of_rows(at::stack(random.at(hook)), mean);
  }
}

}  // namespace

double type_entropy(const std::vector<std::int64_t>& tokens) {
  std::map<std::int64_t, double> counts;
  for (const std::int64_t token : tokens) ++counts[token];
  double entropy = 0;
  for (const auto& [token, count] : counts) {
    const double share = count / static_cast<double>(tokens.size());
    entropy -= share * std::log(share);
  }
  return tokens.empty() ? kNaN : entropy;
}

double spread_of_rows(const at::Tensor& rows, const at::Tensor& mean) {
  const at::Tensor centred = rows - mean;
  const at::Tensor length = centred.norm(2, 1, /*keepdim=*/true);
  const at::Tensor unit = centred.div(length).nan_to_num(0.0);
  const auto n = static_cast<double>((length > 0).sum().item<std::int64_t>());
  if (n < 2) return kNaN;
  const at::Tensor sum = unit.sum(0);
  return 1 - (sum.dot(sum).item<double>() - n) / (n * (n - 1));
}

TextExamples find_examples(Context& context, const Tokens& prompt,
                           const std::vector<NeuronId>& neurons,
                           const NeuronExplorerOptions& options) {
  const NeuronLayout layout = layout_of_neurons(context.model().spec(), neurons);
  Pieces pieces(context, prompt, {options.text, options.window, options.windows});
  Search search(context, neurons, options);
  TextExamples out;
  while (const auto piece = pieces.next()) {
    if (context.cancelled()) throw RunError("neuron_explorer: the run was interrupted");
    const bool skip = options.exclude_first && piece->first_position == 0;
    search.add(*piece, values_of(context.model(), *piece, layout, neurons, skip));
    out.first_tokens += skip ? 1 : 0;
    context.progress(search.pieces(), options.windows);
  }
  search.finish();
  out.tokens = search.rows();
  out.pieces = search.pieces();
  out.sampled = std::ssize(search.sampled());
  const at::Tensor mean = search.moments().mean(), rms = search.moments().root_mean_square();
  for (std::int64_t n = 0; n < std::ssize(neurons); ++n) {
    NeuronExamples neuron;
    for (const statistics::TopEntry& entry : search.top().of(n))
      neuron.top.push_back(search.where(entry));
    neuron.contexts.resize(neuron.top.size());
    neuron.quantiles =
        quantiles_of(search.sampled(), static_cast<std::size_t>(n), options.quantiles);
    neuron.mean = mean[n].item<double>();
    neuron.rms = rms[n].item<double>();
    neuron.context_spread = neuron.random_context_spread = kNaN;
    out.neurons.push_back(std::move(neuron));
  }
  read_again(context, pieces, layout, neurons, options, search, out);
  for (NeuronExamples& neuron : out.neurons) {
    std::vector<std::int64_t> tokens;
    for (const Example& example : neuron.top) tokens.push_back(example.token);
    neuron.type_entropy = type_entropy(tokens);
  }
  std::vector<std::int64_t> drawn;
  for (const Sampled& one : search.sampled())
    if (std::ssize(drawn) < options.examples) drawn.push_back(one.where.token);
  out.random_type_entropy = type_entropy(drawn);
  return out;
}

}  // namespace lensbench::neurons
