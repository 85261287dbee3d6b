#include "residual_geometry.hpp"

#include <ATen/ops/arange.h>

#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/tensor_file.hpp>

#include "capacity.hpp"
#include "result.hpp"
#include "stream.hpp"
#include "texts.hpp"
#include "token_values.hpp"

namespace lensbench::geometry {
namespace {

void check_matrix(const TransformerSpec& spec, const std::string& name) {
  if (name != "neurons" && name != "embed" && name != "unembed")
    throw UsageError("residual_geometry: matrices has '" + name +
                     "', expected neurons, embed or unembed");
  if (name == "neurons" && spec.mlp.n_experts > 0)
    throw UsageError("residual_geometry: the neurons of a mixture of experts ('" + spec.family +
                     "') are in many matrices; give one of them with matrix_file");
}

/// Options that do not fit the model fail before the first forward.
void check_options(const Model& model, const ResidualGeometryOptions& options) {
  const TransformerSpec& spec = model.spec();
  if (options.components && !has_sum(spec))
    throw UsageError("residual_geometry: '" + spec.family +
                     "' normalises its stream after each sublayer, so the stream is not a sum of "
                     "components; give components=false");
  for (const std::string& name : options.points) point_of(spec, name);
  if (options.principal < 1 || options.outliers < 1)
    throw UsageError("residual_geometry: principal is " + std::to_string(options.principal) +
                     " and outliers " + std::to_string(options.outliers) +
                     ", expected at least 1 of each");
  if (options.rank_of != "eigenvalues" && options.rank_of != "singular_values")
    throw UsageError("residual_geometry: rank_of is '" + options.rank_of +
                     "', expected eigenvalues or singular_values");
  for (const std::string& name : options.matrices) check_matrix(spec, name);
}

/// The only tensor of a file, as rows of the model's width.
at::Tensor matrix_of(const Model& model, const std::string& source) {
  const TensorFile file(source);
  if (file.names().size() != 1)
    throw UsageError("residual_geometry: matrix_file '" + source + "' has " +
                     std::to_string(file.names().size()) +
                     " tensors, expected one; name a variable of an archive "
                     "(ARCHIVE.h5:results/NAME/VARIABLE) or write the tensor to its own file");
  const std::string& name = file.names().front();
  const std::vector<std::int64_t> shape = file.shape(name);
  const std::int64_t width = model.spec().d_model;
  if (shape.size() != 2 || shape[1] != width || shape[0] < 1)
    throw UsageError("residual_geometry: the tensor '" + name + "' of matrix_file has " +
                     std::to_string(shape.size()) + " axes" +
                     (shape.empty() ? "" : ", the last of length " + std::to_string(shape.back())) +
                     "; expected [row, " + std::to_string(width) + "], the width of the stream");
  return file.read(name);
}

/// Capacities of weights do not depend on the prompt.
void add_matrices(Dataset& dataset, const Model& model, const ResidualGeometryOptions& options) {
  for (const std::string& name : options.matrices) {
    if (name == "neurons") {
      std::vector<Capacity> blocks;
      for (std::int64_t block = 0; block < model.spec().n_layers; ++block)
        blocks.push_back(capacity_of(model.weight(in_block(block, "mlp.W_out"))));
      add_neurons(dataset, blocks);
      continue;
    }
    const at::Tensor rows =
        name == "embed" ? model.weight("embed.W_E") : model.unembedding().weight;
    add_capacity(dataset, name, name + "_token", capacity_of(rows));
  }
  if (!options.matrix_file.empty())
    add_capacity(dataset, "matrix", "matrix_row",
                 capacity_of(matrix_of(model, options.matrix_file)));
}

void add_attributes(Dataset& dataset, const ResidualGeometryOptions& options,
                    const SpreadOfText& spread, std::uint64_t seed) {
  auto& attributes = dataset.attributes;
  Provenance{.definition = "residual_geometry/1"}.describe(dataset);
  attributes["base_run"] = "prompt";
  attributes["source_run"] = "none";
  attributes["sign"] = "none";
  attributes["points"] = options.points;
  attributes["text"] = options.text.empty() ? "the prompt" : options.text;
  attributes["windows"] = options.windows;
  attributes["windows_measured"] = spread.windows;
  attributes["pairs"] = spread.pairs;
  attributes["exclude_first"] = static_cast<std::int64_t>(options.exclude_first);
  attributes["rank_of"] = options.rank_of;
  attributes["window"] = options.window;
  attributes["components"] = static_cast<std::int64_t>(options.components);
  attributes["principal"] = options.principal;
  attributes["store_directions"] = static_cast<std::int64_t>(options.store_directions);
  attributes["outliers"] = options.outliers;
  attributes["matrices"] = options.matrices;
  attributes["matrix_file"] = "none";
  attributes["weights"] = "as in the checkpoint: nothing is centred or folded";
  if (!options.text.empty()) attributes["seed"] = static_cast<std::int64_t>(seed);
}

ResidualGeometryOptions options_of(const Parameters& parameters) {
  ResidualGeometryOptions options;
  options.points = parameters.list("points");
  options.text = parameters.text("text");
  options.window = parameters.integer("window");
  options.windows = parameters.integer("windows");
  options.exclude_first = parameters.boolean("exclude_first");
  options.components = parameters.boolean("components");
  options.principal = parameters.integer("principal");
  options.store_directions = parameters.boolean("store_directions");
  options.outliers = parameters.integer("outliers");
  options.rank_of = parameters.text("rank_of");
  options.matrices = parameters.list("matrices");
  options.matrix_file = parameters.text("matrix_file");
  return options;
}

}  // namespace

void ResidualGeometryTool::check_compatible(const Model& model) const {
  if (model.spec().n_layers < 1)
    throw UsageError("residual_geometry: the model has 0 blocks; expected at least one");
}

/// Opens the files once before the run, so that a missing one is found early.
void ResidualGeometryTool::check_parameters(const Parameters& parameters) const {
  const ResidualGeometryOptions options = options_of(parameters);
  check_options(model(), options);
  if (!options.matrix_file.empty()) matrix_of(model(), options.matrix_file);
  if (!options.text.empty()) Corpus(model(), options.text);
}

/// With default options for this family: components need a stream that is a sum.
std::vector<std::string> ResidualGeometryTool::usual_hooks(const TransformerSpec& spec) const {
  return token_hooks(spec, has_sum(spec));
}

Dataset ResidualGeometryTool::run(const Request& request) {
  return measure(request.tokens(), options_of(request.parameters()));
}

/// A text gives one spread for all cases; a prompt gives one for each.
const SpreadOfText& ResidualGeometryTool::spread(const Tokens& tokens,
                                                 const ResidualGeometryOptions& options) {
  if (!options.text.empty() && spread_options_ == options) return spread_;
  const std::vector<Piece> pieces = pieces_of(context(), tokens, options);
  SpreadOfText found;
  found.windows = std::ssize(pieces);
  found.pairs = pairs_text(pieces);
  for (const std::string& name : options.points) {
    found.points.push_back(point_of(model().spec(), name));
    found.spreads.push_back(spreads_of(context(), pieces, found.points.back(), options));
  }
  spread_ = std::move(found);
  spread_options_ = options;
  return spread_;
}

Dataset ResidualGeometryTool::measure(const Tokens& tokens,
                                      const ResidualGeometryOptions& options) {
  check_compatible(model());
  check_options(model(), options);
  if (tokens.ids.empty())
    throw UsageError("residual_geometry: the prompt is empty; give at least one token");
  const TransformerSpec& spec = model().spec();
  Dataset dataset;
  add_layer_axis(dataset, spec.n_layers);
  dataset.add_coordinate("block", at::arange(spec.n_layers, at::kInt), "block, counted from 0");
  add_token_axis(dataset, tokens.ids, tokens.texts);
  add_tokens(dataset, context(), tokens, options);
  // The spread is measured on the text, everything before on the tokens of the prompt.
  const SpreadOfText& found = spread(tokens, options);
  for (std::size_t i = 0; i < found.points.size(); ++i)
    add_spread(dataset, found.points[i], found.spreads[i], options);
  add_matrices(dataset, model(), options);
  add_attributes(dataset, options, found, context().seed());
  context().record_file(dataset, "text", options.text);
  context().record_file(dataset, "matrix_file", options.matrix_file);
  return dataset;
}

}  // namespace lensbench::geometry
