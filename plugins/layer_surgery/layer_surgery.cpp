#include "layer_surgery.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cosine_similarity.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <limits>

#include "heads.hpp"
#include "measure.hpp"
#include "orders.hpp"
#include "prune.hpp"
#include "result.hpp"

namespace lensbench::surgery {
namespace {

/// Bootstrap samples of the interval of the loss increase.
constexpr std::int64_t kSamples = 2000;

/// Windows in random order, so that a limited number of them is a sample of the text.
CorpusOptions corpus_options(const Model& model, const LayerSurgeryOptions& options,
                             std::uint64_t seed) {
  return {.length = std::min(options.window, position_limit(model.spec())),
          .min_length = 2,
          .shuffle = true,
          .seed = seed};
}

/// Pieces of text that the loss is measured on.
std::vector<Tokens> texts_of(const Context& context, const Tokens& tokens,
                             const LayerSurgeryOptions& options) {
  if (options.text.empty()) {
    if (tokens.ids.empty())
      throw UsageError("layer_surgery: the prompt is empty; give at least one token");
    return {tokens};
  }
  Corpus corpus(context.model(), options.text,
                corpus_options(context.model(), options, context.seed()));
  std::vector<Tokens> texts;
  while (options.windows == 0 || std::ssize(texts) < options.windows) {
    auto window = corpus.next();
    if (!window) break;
    texts.push_back(std::move(window->tokens));
  }
  if (texts.empty())
    throw UsageError("layer_surgery: text '" + options.text +
                     "' lacks a document of at least 2 tokens; give a longer text");
  return texts;
}

void require_unused(bool given, const char* name, const char* users) {
  if (given)
    throw UsageError("layer_surgery: " + std::string(name) + " is given, but only " + users +
                     " uses it; leave it out");
}

/// Refuses arguments that the operation does not use, which would otherwise be ignored in silence.
void check_use(SurgeryOperation operation, const LayerSurgeryOptions& options) {
  using enum SurgeryOperation;
  require_unused(!options.order.empty() && operation != permute, "order", "operation=permute");
  require_unused(!options.donor.empty() && operation != donor && operation != permute, "donor",
                 "operation=donor or permute");
  require_unused(!options.heads.empty() && operation != merge_heads, "heads",
                 "operation=merge_heads");
  require_unused(!options.blocks.empty() && (operation == permute || operation == merge_heads),
                 "blocks", "an operation on blocks or operation=prune");
  const LayerSurgeryOptions usual;
  require_unused(options.alpha != usual.alpha && operation != merge_heads, "alpha",
                 "operation=merge_heads");
  const bool prunes = operation == prune;
  require_unused(options.parts != usual.parts && !prunes, "parts", "operation=prune");
  require_unused(options.by != usual.by && !prunes, "by", "operation=prune");
  require_unused(options.fractions != usual.fractions && !prunes, "fractions", "operation=prune");
  require_unused(options.draws != usual.draws && !prunes, "draws", "operation=prune");
  const bool reads_text = !options.text.empty();
  require_unused(options.window != usual.window && !reads_text, "window", "a measurement on text");
  require_unused(options.windows != usual.windows && !reads_text, "windows",
                 "a measurement on text");
  if (!(options.alpha >= 0 && options.alpha <= 1))
    throw UsageError("layer_surgery: alpha is " + std::to_string(options.alpha) +
                     ", expected 0 to 1");
}

bool on_blocks(SurgeryOperation operation) {
  return operation != SurgeryOperation::merge_heads && operation != SurgeryOperation::prune;
}

/// The donor is opened only if the operation uses it.
SharedModel donor_of(const Model& model, SurgeryOperation operation,
                     const LayerSurgeryOptions& options) {
  const bool asked = operation == SurgeryOperation::donor || !options.donor.empty();
  return asked ? open_donor(model, options.donor) : nullptr;
}

/// Variants depend on the texts only where parts are ranked by activations.
std::vector<Variant> variants_of(const SharedModel& model, const SharedModel& donor,
                                 const std::vector<Tokens>& texts, SurgeryOperation operation,
                                 const LayerSurgeryOptions& options, std::uint64_t seed) {
  if (operation == SurgeryOperation::merge_heads) return head_variants(model, options);
  if (operation == SurgeryOperation::prune) {
    check_prune(model->spec(), options);
    return prune_variants(model, texts, options, seed);
  }
  return order_variants(model, donor, operation, options);
}

/// 0 if two streams are equal in every bit, else the largest difference (at least the smallest
/// number).
double difference(const at::Tensor& a, const at::Tensor& b) {
  if (at::equal(a, b)) return 0;
  return std::max((a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>(),
                  std::numeric_limits<double>::min());
}

/// Block with outputs of zero: it then passes the stream on, like a deleted block.
at::Tensor with_zeroed_outputs(const Model& model, const Window& window, std::int64_t block) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = block;
  options.residual = window.streams[static_cast<std::size_t>(block)];
  Hooks hooks;
  for (const char* hook : {".hook_attn_out", ".hook_mlp_out"})
    hooks.replace("blocks." + std::to_string(block) + hook,
                  [](const at::Tensor& value, const HookPoint&) { return value * 0; });
  return model.forward(window.batch, options, hooks).residual;
}

/// Receipts of operations on blocks, on the first window.
void check_blocks(Dataset& dataset, const Model& model, const Window& window,
                  SurgeryOperation operation, const std::vector<Variant>& variants) {
  dataset.receipts.push_back(
      make_receipt("identity_order_equals_forward",
                   difference(run_block_by_block(model, window), window.streams.back()), 0,
                   "the blocks in their own order, one by one, give the stream of the forward in "
                   "every bit"));
  // Where a norm follows each addition, a block with outputs of 0 still normalises.
  if (operation != SurgeryOperation::delete_block ||
      model.spec().norm_placement == NormPlacement::after_add)
    return;
  double worst = 0;
  // Three variants suffice to find a fault, and each costs a forward.
  for (std::size_t i = 0; i < std::min<std::size_t>(3, variants.size()); ++i)
    worst = std::max(worst, difference(variants[i].run(window),
                                       with_zeroed_outputs(model, window, variants[i].block)));
  dataset.receipts.push_back(make_receipt(
      "deleting_a_block_equals_zeroing_its_outputs", worst, 0,
      "attn_out and mlp_out at zero leave the stream unchanged in every bit; up to three blocks"));
}

/// Receipts of merged heads, on the first window and the first pair.
void check_heads(Dataset& dataset, const SharedModel& model, const Window& window,
                 const LayerSurgeryOptions& options) {
  const auto& [i, j] = options.heads.front();
  // alpha = 1 keeps the first head.
  const auto itself = with_weights(model, merged_weights(*model, i, i, 1));
  dataset.receipts.push_back(
      make_receipt("merging_a_head_with_itself_changes_nothing",
                   difference(run_from(*itself, window, i.block), window.streams.back()), 0,
                   "the same weights give the same stream in every bit"));
  const auto zeroed = with_weights(model, merged_weights(*model, i, j, 1));
  const at::Tensor ablated = run_without_head(*model, window, j);
  const double size = ablated.to(at::kDouble).abs().max().item<double>();
  dataset.receipts.push_back(
      make_receipt("zeroing_the_second_head_equals_ablating_it",
                   difference(run_from(*zeroed, window, i.block), ablated) / std::max(size, 1e-30),
                   1e-5, "relative to the largest number of the stream: sums of products"));
}

void check_pruning(Dataset& dataset, const Model& model, const Window& window,
                   const LayerSurgeryOptions& options) {
  const bool heads = options.parts == "heads";
  const std::string hook = heads ? "blocks.0.attn.hook_z" : "blocks.0.mlp.hook_post";
  ForwardOptions forward;
  forward.logits = ForwardOptions::Logits::none;
  forward.residual = window.streams.front();
  Hooks hooks;
  // A copy of the same values through the hook of the masks.
  hooks.replace(hook, [](const at::Tensor& value, const HookPoint&) { return value.clone(); });
  dataset.receipts.push_back(make_receipt(
      "replacing_an_activation_by_itself_changes_nothing",
      difference(model.forward(window.batch, forward, hooks).residual, window.streams.back()), 0,
      hook + " replaced by a copy gives the same stream in every bit"));
}

SurgeryOperation operation_of(const std::string& name) {
  using enum SurgeryOperation;
  const std::pair<const char*, SurgeryOperation> names[] = {
      {"delete", delete_block},     {"swap", swap},       {"repeat", repeat},
      {"reverse", reverse},         {"permute", permute}, {"donor", donor},
      {"merge_heads", merge_heads}, {"prune", prune}};
  for (const auto& [text, operation] : names)
    if (name == text) return operation;
  throw UsageError("layer_surgery: unknown operation '" + name + "'");
}

LayerSurgeryOptions options_of(const Parameters& parameters) {
  LayerSurgeryOptions options;
  options.blocks = parse_blocks(parameters.list("blocks"));
  options.order = parse_order(parameters.list("order"));
  options.donor = parameters.text("donor");
  options.heads = parse_heads(parameters.list("heads"));
  options.alpha = parameters.number("alpha");
  options.parts = parameters.text("parts");
  options.by = parameters.list("by");
  options.fractions = parameters.numbers("fractions");
  options.draws = parameters.integer("draws");
  options.text = parameters.text("text");
  options.window = parameters.integer("window");
  options.windows = parameters.integer("windows");
  return options;
}

/// Blocks trained in another basis cannot be exchanged; equal embeddings suggest a common one.
double embedding_cosine(const Model& model, const Model& donor) {
  const at::Tensor a = model.weight("embed.W_E"), b = donor.weight("embed.W_E");
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::quiet_NaN();
  return at::cosine_similarity(a.to(at::kCPU).to(at::kFloat), b.to(at::kCPU).to(at::kFloat), 1)
      .mean()
      .item<double>();
}

}  // namespace

void LayerSurgeryTool::check_compatible(const Model& model) const {
  const TransformerSpec& spec = model.spec();
  if (spec.masked_language_model || !spec.attention.causal)
    throw UsageError("layer_surgery: '" + spec.family +
                     "' predicts masked tokens, not the next one, so the loss here is not defined; "
                     "use a causal language model");
  if (spec.n_layers < 1)
    throw UsageError("layer_surgery: the model has 0 blocks; expected at least one");
}

/// The donor and the text are opened here, so that a name that cannot be read fails before the
/// first case.
void LayerSurgeryTool::check_parameters(const Parameters& parameters) const {
  const SurgeryOperation operation = operation_of(parameters.text("operation"));
  const LayerSurgeryOptions options = options_of(parameters);
  check_use(operation, options);
  const SharedModel shared = context().shared_model();
  const SharedModel donor = donor_of(*shared, operation, options);
  if (operation == SurgeryOperation::prune) {
    check_prune(shared->spec(), options);
  } else {
    variants_of(shared, donor, {}, operation, options, 0);
  }
  if (!options.text.empty()) Corpus(*shared, options.text, corpus_options(*shared, options, 0));
}

Dataset LayerSurgeryTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  return operate(request.tokens(), operation_of(parameters.text("operation")),
                 options_of(parameters));
}

Dataset LayerSurgeryTool::operate(const Tokens& tokens, SurgeryOperation operation,
                                  const LayerSurgeryOptions& options) {
  // A text gives one answer for all cases of a run, which is kept; a prompt gives one for each.
  if (options.text.empty()) return computed(tokens, operation, options);
  if (!answer_ || answer_->operation != operation || !(answer_->options == options))
    answer_ = {operation, options, computed(tokens, operation, options)};
  return answer_->dataset;
}

Dataset LayerSurgeryTool::computed(const Tokens& tokens, SurgeryOperation operation,
                                   const LayerSurgeryOptions& options) {
  check_compatible(model());
  check_use(operation, options);
  const SharedModel shared = context().shared_model();
  const SharedModel donor = donor_of(*shared, operation, options);
  const std::vector<Tokens> texts = texts_of(context(), tokens, options);
  const std::vector<Variant> variants =
      variants_of(shared, donor, texts, operation, options, context().seed());

  // The variants are known, so the axes are too, before anything is measured.
  Dataset dataset = with_axes(*shared, variants);
  Totals totals(std::ssize(variants));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (context().cancelled()) throw RunError("layer_surgery: the run was interrupted");
    // One forward of the unchanged model for each window; all variants start from its streams.
    const Window window = read_window(*shared, texts[i]);
    const Scores scores = measure(*shared, window, variants);
    totals.add(window, scores);
    context().progress(static_cast<std::int64_t>(i) + 1, std::ssize(texts));
    if (options.text.empty()) add_token_scores(dataset, window.tokens, scores);
    // Receipts are computed on the first window only.
    if (i > 0) continue;
    if (on_blocks(operation)) check_blocks(dataset, *shared, window, operation, variants);
    if (operation == SurgeryOperation::merge_heads) check_heads(dataset, shared, window, options);
    if (operation == SurgeryOperation::prune) check_pruning(dataset, *shared, window, options);
  }
  add_totals(dataset, totals, variants, shared->spec().n_layers);
  if (!options.text.empty()) add_interval(dataset, totals, kSamples, context().seed());
  if (operation == SurgeryOperation::prune) add_pruning(dataset, shared->spec(), options);
  if (donor)
    dataset.add("donor_embedding_cosine", {},
                at::scalar_tensor(embedding_cosine(*shared, *donor), at::kDouble), "1",
                "mean cosine of the token embeddings of model and donor; near 0: another basis "
                "(NaN: vocabularies of different size)");
  // Each variant changes the model, so a text on which no stream differs is not a measurement.
  dataset.receipts.push_back(make_receipt("no_write_was_without_effect",
                                          totals.any_change() ? 0 : 1, 0,
                                          "1: every variant left the last stream equal in every "
                                          "bit"));
  add_attributes(dataset, operation, options, totals, context().seed());
  context().record_file(dataset, "text", options.text);
  if (donor) context().record_model(dataset, "donor", *donor);
  return dataset;
}

}  // namespace lensbench::surgery
