#include "texts.hpp"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <map>
#include <utility>

namespace lensbench::geometry {
namespace {

/// Most bytes of covariances at a time.
constexpr std::int64_t kCovarianceBytes = std::int64_t{1} << 30;

using ReadRows =
    std::function<void(std::size_t hook, const at::Tensor& rows, std::int64_t document)>;

std::map<std::string, at::Tensor> read_alone(const Model& model, const Tokens& tokens,
                                             const std::vector<std::string>& hooks) {
  std::map<std::string, at::Tensor> found;
  Hooks readers;
  for (const std::string& hook : hooks)
    readers.read(hook, [&](const at::Tensor& value, const HookPoint&) { found[hook] = value; });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  model.forward(make_batch(tokens), options, readers);
  return found;
}

/// Reads the rows [row, width] of some hook points over all pieces, in float64.
void read_rows(Context& context, const std::vector<Piece>& pieces,
               const std::vector<std::string>& hooks, bool exclude_first, const ReadRows& read) {
  const bool shared = pieces.size() == 1;  // the prompt, whose activations other tools may read
  for (const Piece& piece : pieces) {
    if (context.cancelled()) throw RunError("residual_geometry: the run was interrupted");
    const auto found = shared ? context.activations(piece.tokens, hooks)
                              : read_alone(context.model(), piece.tokens, hooks);
    // The first token of a document is often far from all others.
    const std::int64_t skipped = exclude_first && piece.starts_document ? 1 : 0;
    for (std::size_t i = 0; i < hooks.size(); ++i) {
      const at::Tensor rows = found.at(hooks[i])[0].to(at::kCPU).to(at::kDouble);
      read(i, rows.narrow(0, skipped, rows.size(0) - skipped), piece.document);
    }
  }
}

/// Spread of some hook points.
/// Two passes: the centred cosines need the means of the first one.
std::vector<Spread> spreads_of_hooks(Context& context, const std::vector<Piece>& pieces,
                                     const std::vector<std::string>& hooks,
                                     const ResidualGeometryOptions& options) {
  const std::int64_t width = context.model().spec().d_model;
  // Sums over rows are updated piece by piece, so that a text may be larger than memory.
  std::vector<statistics::StreamingCovariance> covariances;
  for (std::size_t i = 0; i < hooks.size(); ++i) covariances.emplace_back(width);
  std::vector<PairCosine> raw, centred;
  for (auto* pairs : {&raw, &centred})
    for (std::size_t i = 0; i < hooks.size(); ++i) pairs->emplace_back(width);
  read_rows(context, pieces, hooks, options.exclude_first,
            [&](std::size_t i, const at::Tensor& rows, std::int64_t document) {
              covariances[i].add(rows);
              raw[i].add(rows, document);
            });
  std::vector<at::Tensor> means;
  means.reserve(covariances.size());
  for (const auto& covariance : covariances) means.push_back(covariance.mean());
  read_rows(context, pieces, hooks, options.exclude_first,
            [&](std::size_t i, const at::Tensor& rows, std::int64_t document) {
              centred[i].add(rows - means[i], document);
            });
  std::vector<Spread> spreads;
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    spreads.push_back(spread_of(covariances[i], {options.principal, options.outliers,
                                                 options.rank_of == "singular_values"}));
    spreads.back().anisotropy = raw[i].mean();
    spreads.back().anisotropy_centred = centred[i].mean();
  }
  return spreads;
}

}  // namespace

/// Hook points of one kind over all layers or blocks. \throws UsageError for another name
Point point_of(const TransformerSpec& spec, const std::string& name) {
  if (name == "resid_post") {
    Point point{name, "layer", {}};
    for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
      point.hooks.push_back(residual_hook(spec, layer));
    return point;
  }
  if (name != "attn_out" && name != "mlp_out")
    throw UsageError("residual_geometry: unknown point '" + name +
                     "'; give one or more of resid_post, attn_out, mlp_out");
  Point point{name, "block", {}};
  for (std::int64_t block = 0; block < spec.n_layers; ++block)
    point.hooks.push_back("blocks." + std::to_string(block) + ".hook_" + name);
  return point;
}

/// Pieces that the spread is measured on: the prompt, or shuffled windows of a text, which
/// represent it better than its beginning.
std::vector<Piece> pieces_of(const Context& context, const Tokens& tokens,
                             const ResidualGeometryOptions& options) {
  if (options.text.empty()) return {{tokens, 0, true}};
  const Model& model = context.model();
  Corpus corpus(model, options.text,
                {.length = std::min(options.window, position_limit(model.spec())),
                 .shuffle = true,
                 .seed = context.seed()});
  std::vector<Piece> pieces;
  while (options.windows == 0 || std::ssize(pieces) < options.windows) {
    auto window = corpus.next();
    if (!window) break;
    pieces.push_back({std::move(window->tokens), window->document, window->first_position == 0});
  }
  return pieces;
}

/// Hook points in groups whose covariances fit the memory; each group reads the texts again.
std::vector<Spread> spreads_of(Context& context, const std::vector<Piece>& pieces,
                               const Point& point, const ResidualGeometryOptions& options) {
  const std::int64_t width = context.model().spec().d_model;
  const auto group = static_cast<std::size_t>(std::max<std::int64_t>(
      1, kCovarianceBytes / (width * width * static_cast<std::int64_t>(sizeof(double)))));
  std::vector<Spread> spreads;
  for (std::size_t first = 0; first < point.hooks.size(); first += group) {
    const auto begin = point.hooks.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = point.hooks.begin() +
                     static_cast<std::ptrdiff_t>(std::min(first + group, point.hooks.size()));
    for (Spread& spread : spreads_of_hooks(context, pieces, {begin, end}, options))
      spreads.push_back(std::move(spread));
    context.progress(std::ssize(spreads), std::ssize(point.hooks));
  }
  return spreads;
}

/// Pairs within one document are used only where there is no other.
std::string pairs_text(const std::vector<Piece>& pieces) {
  const bool one = std::all_of(pieces.begin(), pieces.end(), [&](const Piece& piece) {
    return piece.document == pieces.front().document;
  });
  return one ? "all pairs of different tokens of one document, which resemble each other more than "
               "those of different documents"
             : "all pairs of tokens of different documents";
}

}  // namespace lensbench::geometry
