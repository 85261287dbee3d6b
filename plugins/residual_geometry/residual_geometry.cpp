#include "residual_geometry.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <lensbench/activation_cache.hpp>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <lensbench/tensor_file.hpp>
#include <limits>

#include "capacity.hpp"
#include "result.hpp"
#include "stream.hpp"
#include "texts.hpp"

namespace lensbench::geometry {
namespace {

/// Whether the stream is the sum of what was added to it: a norm after each addition breaks that.
bool has_sum(const TransformerSpec& spec) {
  return spec.norm_placement != NormPlacement::after_add && !spec.masked_language_model;
}

/// Whether what a head adds to the stream is its own: no norm mixes the heads afterwards.
bool has_head_parts(const TransformerSpec& spec) {
  return has_sum(spec) && spec.norm_placement == NormPlacement::before;
}

std::string in_block(std::int64_t block, const char* hook) {
  return "blocks." + std::to_string(block) + "." + hook;
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
  for (const std::string& name : options.matrices) {
    if (name != "neurons" && name != "embed" && name != "unembed")
      throw UsageError("residual_geometry: matrices has '" + name +
                       "', expected neurons, embed or unembed");
    if (name == "neurons" && spec.mlp.n_experts > 0)
      throw UsageError("residual_geometry: the neurons of a mixture of experts ('" + spec.family +
                       "') are in many matrices; give one of them with matrix_file");
  }
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

/// Hook points of the values at each token of the prompt.
std::vector<std::string> token_hooks(const TransformerSpec& spec, bool components) {
  std::vector<std::string> hooks;
  for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
    hooks.push_back(residual_hook(spec, layer));
  if (!components) return hooks;
  hooks.push_back("hook_embed");
  if (spec.position == PositionKind::learned) hooks.push_back("hook_pos_embed");
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    hooks.push_back(in_block(block, "hook_attn_out"));
    hooks.push_back(in_block(block, "hook_mlp_out"));
    // Heads only where no norm mixes them before the addition.
    if (has_head_parts(spec)) hooks.push_back(in_block(block, "attn.hook_z"));
  }
  return hooks;
}

/// float64 on the CPU, where lengths and cosines of long vectors do not lose digits.
at::Tensor wide(const at::Tensor& x) {
  return x.to(at::kCPU).to(at::kDouble);
}

using Activations = std::map<std::string, at::Tensor>;

/// Rounding of one number of a type, relative.
double rounding_of(at::ScalarType type) {
  if (type == at::kHalf) return std::ldexp(1.0, -10);
  if (type == at::kBFloat16) return std::ldexp(1.0, -7);
  return type == at::kDouble ? std::ldexp(1.0, -52) : std::ldexp(1.0, -23);
}

/// Two checks of the decomposition: in the stream itself and in the shares.
void check_parts(Dataset& dataset, const at::Tensor& components, const at::Tensor& stream,
                 const Parts& parts, double rounding) {
  const at::Tensor difference = (components.sum(0) - stream).abs();
  const at::Tensor size = components.abs().sum(0).clamp_min(1e-300);
  const auto terms = static_cast<double>(components.size(0));
  dataset.receipts.push_back(
      make_receipt("components_sum_to_residual_stream", (difference / size).max().item<double>(),
                   terms * rounding / 2,
                   "relative to the sum of absolute values; one rounding for each addition"));
  const double worst = (parts.share.sum(0) - 1).abs().max().item<double>();
  // Lengths of parts that cancel are rounded relative to the parts, not to their sum.
  const double cancelled =
      (parts.norm.sum(0) / stream.norm(2, -1).clamp_min(1e-300)).max().item<double>();
  dataset.receipts.push_back(make_receipt(
      "component_shares_sum_to_one", worst, std::max(1e-4, terms * rounding * cancelled),
      "at least 1e-4; more where long components cancel, or in half precision"));
}

void add_components(Dataset& dataset, const Model& model, const Activations& found,
                    const at::Tensor& streams) {
  const TransformerSpec& spec = model.spec();
  // The cache decomposes the prompt's activations, which are read once for all variables.
  const LabelledStack stack = ActivationCache(model, found).decompose_resid();
  const at::Tensor components = wide(stack.values.select(1, 0)), last = streams[spec.n_layers];
  const Parts parts = parts_of(components, last);
  dataset.add_coordinate("component", stack.labels, "addition to the residual stream");
  dataset.add("component_share", {"component", "token"}, parts.share, "1",
              "part of the last stream along itself that this component wrote; sums to 1 (NaN: the "
              "stream is 0)");
  dataset.add("component_norm", {"component", "token"}, parts.norm, "1",
              "length of what the component wrote");
  dataset.add("component_cosine", {"component", "token"}, parts.cosine, "1",
              "cosine of what the component wrote with the last stream (NaN: one of them is 0)");
  check_parts(dataset, components, last, parts, rounding_of(model.options().dtype));

  std::vector<at::Tensor> ratios;
  for (std::int64_t block = 0; block < spec.n_layers; ++block)
    ratios.push_back(write_ratio(wide(found.at(in_block(block, "hook_attn_out"))[0]),
                                 wide(found.at(in_block(block, "hook_mlp_out"))[0]),
                                 // What the block really adds, which may be rounded from the sum of
                                 // both parts.
                                 streams[block + 1] - streams[block]));
  dataset.add("write_ratio", {"block", "token"}, at::stack(ratios), "1",
              "lengths of attention and MLP output over that of their sum; 1 in one direction, 1.4 "
              "at right angles, more where they cancel "
              "(NaN: the sum is 0)");
}

/// |z W_O| of each head, relative to the stream that enters the block.
void add_heads(Dataset& dataset, const Model& model, const Activations& found,
               const at::Tensor& norm) {
  const TransformerSpec& spec = model.spec();
  std::vector<at::Tensor> shares;
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    const at::Tensor length = head_lengths(wide(found.at(in_block(block, "attn.hook_z"))[0]),
                                           wide(model.weight(in_block(block, "attn.W_O")))) *
                              std::abs(spec.residual_scale);
    shares.push_back((length / norm[block])
                         .masked_fill(norm[block] == 0, std::numeric_limits<double>::quiet_NaN()));
  }
  dataset.add_coordinate("head", at::arange(spec.attention.n_heads, at::kInt), "attention head");
  dataset.add("write_share", {"block", "head", "token"}, at::stack(shares), "1",
              "length of a head's output, without the output bias, over that of the stream that "
              "enters the block (NaN: that stream is 0)");
}

/// Adds the values at each token of the prompt.
void add_tokens(Dataset& dataset, Context& context, const Tokens& tokens,
                const ResidualGeometryOptions& options) {
  const Model& model = context.model();
  const TransformerSpec& spec = model.spec();
  // All values at tokens come from one forward, which other tools of the case share.
  const Activations found = context.activations(tokens, token_hooks(spec, options.components));
  std::vector<at::Tensor> layers;
  for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
    layers.push_back(wide(found.at(residual_hook(spec, layer))[0]));
  const at::Tensor streams = at::stack(layers);
  const Path path = path_of(streams);
  dataset.add("norm", {"layer", "token"}, path.norm, "1", "length of the stream");
  dataset.add("cosine_to_final", {"layer", "token"}, path.cosine_to_final, "1",
              "cosine of the stream with that of the last layer (NaN: one of them is 0)");
  dataset.add("cosine_to_previous", {"layer", "token"}, path.cosine_to_previous, "1",
              "cosine of the stream with that of the layer before (NaN: layer 0, or one is 0)");
  dataset.add("movement", {"block", "token"}, path.movement, "1",
              "length of what the block adds over the length of the stream that enters it (NaN: "
              "that stream is 0)");
  if (!options.components) return;
  add_components(dataset, model, found, streams);
  if (has_head_parts(spec))
    add_heads(dataset, model, found, path.norm);
  else
    dataset.attributes["write_share"] =
        "left out: a norm follows attention, so its output is not a sum of heads";
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
  attributes["definition"] = "residual_geometry/1";
  attributes["points"] = options.points;
  attributes["text"] = options.text.empty() ? "the prompt" : options.text;
  attributes["windows"] = spread.windows;
  attributes["pairs"] = spread.pairs;
  attributes["exclude_first"] = static_cast<std::int64_t>(options.exclude_first);
  attributes["rank_of"] = options.rank_of;
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
