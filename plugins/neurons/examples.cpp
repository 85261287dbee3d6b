#include "examples.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <set>
#include <utility>

#include "common/worst.hpp"
#include "search.hpp"

namespace lensbench::neurons {
namespace {

/// Tokens of the label of an example.
constexpr std::int64_t kTokensOfLabel = 8;
/// Examples of each quantile.
constexpr std::size_t kExamplesOfQuantile = 5;

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

/// Streams at examples: those of each neuron, and by hook those of the random control.
struct ExampleStreams {
  std::vector<std::vector<at::Tensor>> top;
  std::map<std::string, std::vector<at::Tensor>> random;
};

/// Numbers of the pieces that have an example, or a token of the control.
std::set<std::int64_t> needed_pieces(const TextExamples& found, const Search& search,
                                     std::size_t control) {
  std::set<std::int64_t> needed;
  for (const NeuronExamples& neuron : found.neurons)
    for (const Example& example : neuron.top) needed.insert(example.piece);
  for (std::size_t i = 0; i < control; ++i) needed.insert(search.sampled()[i].where.piece);
  return needed;
}

/// Completes an example of one neuron in its piece. \return its stream
at::Tensor complete_example(const Piece& piece, const PieceValues& values, const NeuronId& id,
                            std::int64_t neuron, Example& example, TextExamples& out) {
  example.token = piece.tokens.ids[static_cast<std::size_t>(example.place)];
  example.position = piece.first_position + example.place;
  const std::int64_t row = example.place - values.first_place;
  const double again = values.activations[row][neuron].item<double>();
  out.reproduced = worst_of(out.reproduced, std::abs(again - example.activation));
  return values.streams.at(block_hook(id.block, "hook_resid_pre"))[row].clone();
}

void add_spreads(const std::vector<NeuronId>& neurons, const ExampleStreams& streams,
                 const Search& search, TextExamples& out) {
  for (std::size_t n = 0; n < neurons.size(); ++n) {
    if (streams.top[n].empty()) continue;
    const std::string hook = block_hook(neurons[n].block, "hook_resid_pre");
    const at::Tensor mean = search.mean_stream(hook);
    out.neurons[n].context_spread = spread_of_rows(at::stack(streams.top[n]), mean);
    out.neurons[n].random_context_spread = spread_of_rows(at::stack(streams.random.at(hook)), mean);
  }
}

/// Streams of examples, and their contexts: a second reading of the pieces that have some.
void read_again(Context& context, Pieces& pieces, const NeuronLayout& layout,
                const std::vector<NeuronId>& neurons, const NeuronExplorerOptions& options,
                const Search& search, TextExamples& out) {
  const std::size_t control =
      std::min(search.sampled().size(), static_cast<std::size_t>(options.examples));
  const std::set<std::int64_t> needed = needed_pieces(out, search, control);
  ExampleStreams streams{std::vector<std::vector<at::Tensor>>(neurons.size()), {}};
  pieces.rewind();
  for (std::int64_t number = 0; auto piece = pieces.next(); ++number) {
    if (!needed.contains(number)) continue;
    if (context.cancelled()) throw RunError("neuron_explorer: the run was interrupted");
    const bool skip = options.exclude_first && piece->first_position == 0;
    const PieceValues values = values_of(context.model(), *piece, layout, neurons, skip);
    for (std::size_t n = 0; n < neurons.size(); ++n) {
      NeuronExamples& neuron = out.neurons[n];
      const auto column = static_cast<std::int64_t>(n);
      for (std::size_t i = 0; i < neuron.top.size(); ++i) {
        Example& example = neuron.top[i];
        if (example.piece != number) continue;
        neuron.contexts[i] = context_of(*piece, values, example, column, options.context);
        streams.top[n].push_back(
            complete_example(*piece, values, neurons[n], column, example, out));
      }
    }
    for (std::size_t i = 0; i < control; ++i) {
      const Example& example = search.sampled()[i].where;
      if (example.piece != number) continue;
      for (const auto& [hook, rows] : values.streams)
        streams.random[hook].push_back(rows[example.place - values.first_place].clone());
    }
  }
  add_spreads(neurons, streams, search, out);
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

namespace {

/// Adds what the first reading found.
void add_found(const Search& search, const std::vector<NeuronId>& neurons,
               const NeuronExplorerOptions& options, TextExamples& out) {
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
}

/// Adds entropies of tokens, which the second reading finds.
void add_entropies(const Search& search, const NeuronExplorerOptions& options, TextExamples& out) {
  for (NeuronExamples& neuron : out.neurons) {
    std::vector<std::int64_t> tokens;
    for (const Example& example : neuron.top) tokens.push_back(example.token);
    neuron.type_entropy = type_entropy(tokens);
  }
  std::vector<std::int64_t> drawn;
  for (const Sampled& one : search.sampled())
    if (std::ssize(drawn) < options.examples) drawn.push_back(one.where.token);
  out.random_type_entropy = type_entropy(drawn);
}

}  // namespace

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
  add_found(search, neurons, options, out);
  read_again(context, pieces, layout, neurons, options, search, out);
  add_entropies(search, options, out);
  return out;
}

}  // namespace lensbench::neurons
