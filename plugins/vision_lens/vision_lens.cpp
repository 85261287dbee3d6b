#include "vision_lens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "continuations.hpp"
#include "controls.hpp"
#include "cost.hpp"
#include "decode.hpp"
#include "image_tokens.hpp"
#include "receipt.hpp"
#include "result.hpp"
#include "tower_lens.hpp"

namespace lensbench::vision_lens {
namespace {

constexpr std::array<const char*, 3> kControls = {"no_picture", "other_picture",
                                                  "shuffled_patches"};

/// Streams of a prompt at some layers, [pos, d_model], and what the receipt needs.
struct Streams {
  std::vector<at::Tensor> layers;
  at::Tensor final;        ///< after the last block
  at::Tensor before_last;  ///< before the last block; undefined in a model of one block
  std::map<std::string, at::Tensor> tower;  ///< activations that were asked for in addition
};

void check_range(const char* name, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return;
  throw UsageError("vision_lens: " + std::string(name) + " is " + std::to_string(value) +
                   "; give " + std::to_string(least) + " to " + std::to_string(most));
}

/// Layers that are decoded, in ascending order.
std::vector<std::int64_t> layers_of(const TransformerSpec& spec, const VisionLensOptions& options) {
  std::vector<std::int64_t> layers(static_cast<std::size_t>(spec.n_layers + 1));
  std::iota(layers.begin(), layers.end(), 0);
  if (options.layers.empty()) return layers;
  const std::set<std::int64_t> chosen(options.layers.begin(), options.layers.end());
  check_range("a layer", *chosen.begin(), 0, spec.n_layers);
  check_range("a layer", *chosen.rbegin(), 0, spec.n_layers);
  return {chosen.begin(), chosen.end()};
}

void check_options(const Model& model, const VisionLensOptions& options) {
  check_range("top_k", options.top_k, 1, model.spec().vocab_size);
  check_range("every", options.every, 1, std::int64_t{1} << 30);
  check_range("within", options.within, 1, model.spec().vocab_size);
  layers_of(model.spec(), options);
  if (model.spec().vision) tower_layers_of(*model.spec().vision, options);
  token_sets(model, options.concepts);
  for (const std::string& control : options.controls)
    if (std::find(kControls.begin(), kControls.end(), control) == kControls.end())
      throw UsageError("vision_lens: control '" + control +
                       "' is unknown; the controls are no_picture, other_picture, "
                       "shuffled_patches");
  if (!options.answers.empty() && !model.tokenizer())
    throw UsageError(
        "vision_lens: answers need a tokenizer, which the model does not have; leave them out");
  ids_of(model, options.answers);
}

std::vector<std::string> texts_of(const std::string& text) {
  std::vector<std::string> texts;
  if (text.empty()) return texts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(text.find('|', begin), text.size());
    if (end == begin)
      throw UsageError("vision_lens: answers: '" + text +
                       "' has an empty text; give texts separated by bars, as in yes|no");
    texts.push_back(text.substr(begin, end - begin));
    if (end == text.size()) return texts;
    begin = end + 1;
  }
}

VisionLensOptions options_of(const Parameters& parameters) {
  VisionLensOptions options;
  options.concepts = parse_concepts(parameters.text("concepts"));
  options.top_k = parameters.integer("top_k");
  options.layers = parameters.integers("layers");
  options.every = parameters.integer("every");
  options.within = parameters.integer("within");
  options.answers = texts_of(parameters.text("answers"));
  options.controls = parameters.list("controls");
  options.residual = parameters.boolean("residual");
  options.tower = parameters.boolean("tower");
  options.tower_layers = parameters.integers("tower_layers");
  return options;
}

/// Reads the streams in one forward, with activations of the tower.
Streams read_streams(Context& context, const Tokens& tokens,
                     const std::vector<std::int64_t>& layers,
                     const std::vector<std::string>& tower = {}) {
  const TransformerSpec& spec = context.model().spec();
  const auto name = [&](std::int64_t layer) { return residual_hook(spec, layer); };
  std::vector<std::string> names = {name(spec.n_layers)};
  if (spec.n_layers > 1) names.push_back(name(spec.n_layers - 1));
  for (const std::int64_t layer : layers) names.push_back(name(layer));
  names.insert(names.end(), tower.begin(), tower.end());
  const std::map<std::string, at::Tensor> read = context.activations(tokens, names);
  const auto stream = [&](std::int64_t layer) { return read.at(name(layer)).select(0, 0); };
  Streams streams;
  for (const std::int64_t layer : layers) streams.layers.push_back(stream(layer));
  streams.final = stream(spec.n_layers);
  if (spec.n_layers > 1) streams.before_last = stream(spec.n_layers - 1);
  for (const std::string& one : tower) streams.tower[one] = read.at(one);
  return streams;
}

at::Tensor last_row(const at::Tensor& stream) {
  return stream.narrow(0, stream.size(0) - 1, 1);
}

/// Decodes the last position at all chosen layers, and compares the last layer with a forward.
void read_answer(Dataset& dataset, const Model& model, const Tokens& tokens, const Streams& streams,
                 const std::vector<std::int64_t>& layers, const std::vector<TokenSet>& sets,
                 const VisionLensOptions& options) {
  std::vector<at::Tensor> rows;
  rows.reserve(streams.layers.size() + 1);
  for (const at::Tensor& layer : streams.layers) rows.push_back(last_row(layer));
  const Decoded decoded = decode(model, rows, sets, options.top_k);
  // The reference of the divergence is the last layer, whether it was chosen or not.
  rows.push_back(last_row(streams.final));
  const at::Tensor divergence =
      divergence_to_last(model, rows).narrow(0, 0, std::ssize(streams.layers));
  add_answer(dataset, decoded, divergence, layers, !sets.empty(), options.within);
  const Decoded last = decode(model, {rows.back()}, {}, options.top_k);
  dataset.receipts.push_back(last_layer_receipt(model, tokens, streams.before_last, last));
  if (!options.answers.empty())
    add_continuations(dataset,
                      score_continuations(model, tokens, ids_of(model, options.answers), layers),
                      options.answers);
}

void read_map(Dataset& dataset, const Model& model, const std::vector<ImageToken>& image_tokens,
              const Streams& streams, const std::vector<TokenSet>& sets,
              const VisionLensOptions& options) {
  const at::Tensor positions = positions_of(image_tokens);
  std::vector<at::Tensor> rows;
  rows.reserve(streams.layers.size());
  for (const at::Tensor& layer : streams.layers)
    rows.push_back(layer.index_select(0, positions.to(layer.device())));
  add_map(dataset, decode(model, rows, sets, options.top_k), !sets.empty());
  if (!options.residual) return;
  dataset.add_coordinate("d_model", at::arange(model.spec().d_model, at::kInt),
                         "component of the stream");
  dataset.add("residual", {"layer", "image_token", "d_model"}, at::stack(rows), "1",
              "residual stream");
}

}  // namespace

void VisionLensTool::check_compatible(const Model& model) const {
  if (!model.spec().vision)
    throw UsageError("vision_lens: this '" + model.spec().family +
                     "' model does not have a vision tower; use logit_lens");
}

void VisionLensTool::check_parameters(const Parameters& parameters) const {
  check_options(model(), options_of(parameters));
}

Dataset VisionLensTool::run(const Request& request) {
  return analyze(request.tokens(), options_of(request.parameters()), request.pictures());
}

/// The products of the readout, which all concepts share, and the forwards.
CostEstimate VisionLensTool::estimate(const Request& request) const {
  const VisionLensOptions options = options_of(request.parameters());
  const TransformerSpec& spec = model().spec();
  const auto tower = static_cast<double>(tower_layers_of(*spec.vision, options).size());
  const auto layers = static_cast<double>(layers_of(spec, options).size());
  std::int64_t patches = 0;
  for (const PictureRows& picture : request.tokens().pictures)
    patches += picture.frames * picture.height * picture.width;
  const double tokens =
      1 + static_cast<double>(patches) /
              static_cast<double>(spec.vision->patches_of_token() * options.every);
  const auto width = static_cast<double>(spec.d_model);
  CostEstimate cost;
  // One forward for the prompt and one for each control.
  const double forwards =
      options.concepts.empty() ? 1 : 1 + static_cast<double>(options.controls.size());
  cost.flops = 2 * (layers + tower) * tokens * width * static_cast<double>(spec.vocab_size) +
               forwards * forward_flops(spec, request.tokens().size(), patches) +
               tower * merger_flops(spec, patches);
  cost.bytes = 4 * (layers * width * static_cast<double>(request.tokens().size()) +
                    tower * static_cast<double>(spec.vision->d_model * patches));
  return cost;
}

Dataset VisionLensTool::analyze(const Tokens& tokens, const VisionLensOptions& options,
                                const std::vector<Picture>& pictures) {
  check_compatible(model());
  check_options(model(), options);
  const VisionSpec& vision = *model().spec().vision;
  const std::vector<ImageToken> places = image_tokens(vision, tokens, options.every);
  const std::vector<std::int64_t> layers = layers_of(model().spec(), options);
  const std::vector<TokenSet> sets = token_sets(model(), options.concepts);
  const std::vector<std::int64_t> tower = tower_layers_of(vision, options);
  const Streams streams = read_streams(context(), tokens, layers, tower_hooks(vision, tower));
  Dataset dataset;
  add_image_token_axis(dataset, places, vision, tokens, pictures);
  add_axes(dataset, model().spec(), layers, sets, options.top_k);
  read_map(dataset, model(), places, streams, sets, options);
  if (!tower.empty())
    add_tower(dataset, model(), tokens, places, tower, streams.tower, sets, options.top_k);
  read_answer(dataset, model(), tokens, streams, layers, sets, options);
  if (!sets.empty()) add_controls(dataset, tokens, options);
  add_attributes(dataset, options, sets);
  return dataset;
}

std::optional<Tokens> VisionLensTool::control_prompt(const std::string& control,
                                                     const Tokens& tokens) const {
  const VisionSpec& vision = *model().spec().vision;
  if (control == "no_picture") {
    Tokens text = without_pictures(vision, tokens);
    if (text.ids.empty()) return std::nullopt;
    return text;
  }
  if (control == "shuffled_patches") return with_shuffled_patches(vision, tokens, context().seed());
  return with_other_pictures(vision, tokens, context().reference_prompts());
}

void VisionLensTool::add_controls(Dataset& dataset, const Tokens& tokens,
                                  const VisionLensOptions& options) const {
  const std::vector<std::int64_t> layers = layers_of(model().spec(), options);
  const std::vector<TokenSet> sets = token_sets(model(), options.concepts);
  std::vector<ControlAnswer> answers;
  for (const std::string& control : options.controls) {
    const std::optional<Tokens> prompt = control_prompt(control, tokens);
    if (!prompt) continue;
    std::vector<at::Tensor> rows;
    for (const at::Tensor& layer : read_streams(context(), *prompt, layers).layers)
      rows.push_back(last_row(layer));
    const Decoded decoded = decode(model(), rows, sets, 1);
    answers.push_back(
        {control, decoded.concept_log_probability.select(1, 0), decoded.concept_rank.select(1, 0)});
  }
  if (!answers.empty()) add_control_answers(dataset, answers, layers, options.within);
}

Dataset VisionLensTool::answer(const Tokens& tokens, const VisionLensOptions& options) {
  check_options(model(), options);
  if (tokens.ids.empty())
    throw UsageError("vision_lens: the prompt is empty; give at least one token");
  const std::vector<std::int64_t> layers = layers_of(model().spec(), options);
  const std::vector<TokenSet> sets = token_sets(model(), options.concepts);
  Dataset dataset;
  add_axes(dataset, model().spec(), layers, sets, options.top_k);
  read_answer(dataset, model(), tokens, read_streams(context(), tokens, layers), layers, sets,
              options);
  add_attributes(dataset, options, sets);
  return dataset;
}

}  // namespace lensbench::vision_lens
