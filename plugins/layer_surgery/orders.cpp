#include "orders.hpp"

#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <numeric>
#include <optional>

namespace lensbench::surgery {
namespace {

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

/// 0, 1, …, n - 1.
Order identity(std::int64_t n) {
  Order order;
  for (std::int64_t i = 0; i < n; ++i) order.push_back({i, false});
  return order;
}

std::string text_of(const Order& order) {
  std::string text;
  for (const SurgeryBlock& block : order)
    text += (text.empty() ? "" : ",") + std::string(block.donor ? "d" : "") +
            std::to_string(block.index);
  return text.empty() ? "no block" : text;
}

/// Runs blocks [begin, end) of a model on a stream. The ids are not read: a partial forward takes
/// only mask and positions from the tokens, and the donor may have another vocabulary.
at::Tensor run_blocks(const Model& model, const Window& window, std::int64_t begin,
                      std::int64_t end, const at::Tensor& stream) {
  TokenBatch batch = window.batch;
  batch.ids = at::zeros_like(batch.ids);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = begin;
  options.stop_at_layer = end;
  options.residual = stream;
  return model.forward(batch, options).residual;
}

/// A variant that runs an order.
Variant variant_of(const SharedModel& model, const SharedModel& donor, std::string label,
                   Order order, std::int64_t block) {
  // The order is compared with that of the model once, not for each window.
  const std::int64_t first = first_change(order, model->spec().n_layers);
  return {.label = std::move(label),
          .first = first,
          .block = block,
          .run = [model, donor, order = std::move(order)](const Window& window) {
            return run_order(*model, donor.get(), window, order);
          }};
}

void check_block(std::int64_t index, std::int64_t n, const char* whose) {
  if (index < 0 || index >= n)
    throw UsageError("layer_surgery: block " + std::to_string(index) + " of the " + whose +
                     " does not exist; give 0 to " + std::to_string(n - 1));
}

/// Order of one variant that changes block `l`; its label; nullopt if there is none for this block.
std::optional<std::pair<std::string, Order>> changed_order(SurgeryOperation operation,
                                                           std::int64_t l, std::int64_t n) {
  Order order = identity(n);
  const auto place = order.begin() + l;
  const std::string number = std::to_string(l);
  if (operation == SurgeryOperation::delete_block) {
    order.erase(place);
    return {{"delete " + number, order}};
  }
  if (operation == SurgeryOperation::repeat) {
    order.insert(place, {l, false});
    return {{"repeat " + number, order}};
  }
  if (operation == SurgeryOperation::donor) {
    place->donor = true;
    return {{"donor " + number, order}};
  }
  // The last block lacks a next one.
  if (l + 1 == n) return std::nullopt;
  std::swap(*place, *(place + 1));
  return {{"swap " + number + " and " + std::to_string(l + 1), order}};
}

/// All blocks from the smallest to the largest of those given.
Variant reversed(const SharedModel& model, const std::vector<std::int64_t>& blocks) {
  const auto [low, high] = std::minmax_element(blocks.begin(), blocks.end());
  if (*low == *high)
    throw UsageError("layer_surgery: reverse needs a range of blocks (found block " +
                     std::to_string(*low) + " alone); give blocks=2-4");
  Order order = identity(model->spec().n_layers);
  std::reverse(order.begin() + *low, order.begin() + *high + 1);
  return variant_of(model, nullptr,
                    "reverse " + std::to_string(*low) + " to " + std::to_string(*high), order, -1);
}

/// Any number of blocks, repeated or left out, of either model.
Variant permuted(const SharedModel& model, const SharedModel& donor, const Order& order) {
  if (order.empty())
    throw UsageError("layer_surgery: permute needs the blocks to run; give order=0,2,1,3");
  for (const SurgeryBlock& block : order) {
    if (block.donor && !donor)
      throw UsageError("layer_surgery: order has block d" + std::to_string(block.index) +
                       " of a donor; name its model with donor");
    const Model& owner = block.donor ? *donor : *model;
    check_block(block.index, owner.spec().n_layers, block.donor ? "donor" : "model");
  }
  return variant_of(model, donor, "order " + text_of(order), order, -1);
}

}  // namespace

/// The streams that enter each block are kept, so that a variant can start anywhere. They are read
/// before the interventions on hook_resid_pre, which a forward that starts there applies itself.
Window read_window(const Model& model, Tokens tokens) {
  Window window{std::move(tokens), {}, {}};
  window.batch = make_batch(window.tokens);
  const std::int64_t n = model.spec().n_layers;
  window.streams.resize(static_cast<std::size_t>(n) + 1);
  ForwardOptions embedding;
  embedding.stop_at_layer = 0;
  window.streams.front() = model.forward(window.batch, embedding).residual;
  Hooks hooks;
  for (std::int64_t layer = 1; layer < n; ++layer)
    hooks.read(residual_hook(model.spec(), layer),
               [&window, layer](const at::Tensor& stream, const HookPoint&) {
                 window.streams[static_cast<std::size_t>(layer)] = stream;
               });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  window.streams.back() = model.forward(window.batch, options, hooks).residual;
  return window;
}

/// Blocks before the first change give the streams of the unchanged model.
std::int64_t first_change(const Order& order, std::int64_t n_layers) {
  std::int64_t i = 0;
  while (i < std::ssize(order) && i < n_layers &&
         order[static_cast<std::size_t>(i)] == SurgeryBlock{i, false})
    ++i;
  return i;
}

at::Tensor run_order(const Model& model, const Model* donor, const Window& window,
                     const Order& order) {
  auto next = static_cast<std::size_t>(first_change(order, model.spec().n_layers));
  at::Tensor stream = window.streams[next];
  while (next < order.size()) {  // neighbours that stay neighbours run in one forward
    const SurgeryBlock begin = order[next];
    std::int64_t end = begin.index;
    // Consecutive blocks of one model run in one forward; with other neighbours each run starts a
    // new one.
    while (next < order.size() && order[next] == SurgeryBlock{end, begin.donor}) ++next, ++end;
    stream = run_blocks(begin.donor ? *donor : model, window, begin.index, end, stream);
  }
  return stream;
}

/// One forward for each block: a receipt compares this with the single forward, bit by bit.
at::Tensor run_block_by_block(const Model& model, const Window& window) {
  at::Tensor stream = window.streams.front();
  for (std::int64_t block = 0; block < model.spec().n_layers; ++block)
    stream = run_blocks(model, window, block, block + 1, stream);
  return stream;
}

std::vector<Variant> order_variants(const SharedModel& model, const SharedModel& donor,
                                    SurgeryOperation operation,
                                    const LayerSurgeryOptions& options) {
  if (operation == SurgeryOperation::permute) return {permuted(model, donor, options.order)};
  const std::int64_t n = model->spec().n_layers;
  const std::vector<std::int64_t> blocks = chosen_blocks(model->spec(), options);
  if (operation == SurgeryOperation::reverse) return {reversed(model, blocks)};
  std::vector<Variant> variants;
  for (const std::int64_t l : blocks) {
    if (operation == SurgeryOperation::donor) check_block(l, donor->spec().n_layers, "donor");
    if (auto changed = changed_order(operation, l, n))
      variants.push_back(
          variant_of(model, donor, std::move(changed->first), std::move(changed->second),
                     // If the last block of the model is exchanged, it counts as the place of the
                     // change.
                     operation == SurgeryOperation::swap && l + 2 == n && l > 0 ? l + 1 : l));
  }
  if (variants.empty())
    throw UsageError(
        "layer_surgery: swap exchanges a block with the next one, which the last block (" +
        std::to_string(n - 1) + ") lacks; give an earlier one in blocks");
  return variants;
}

std::vector<std::int64_t> parse_blocks(const std::vector<std::string>& items) {
  if (items.empty() || (items.size() == 1 && items[0] == "all")) return {};
  std::vector<std::int64_t> blocks;
  for (const std::string& item : items) {
    const std::size_t dash = item.find('-');
    const auto low = number_of(item.substr(0, dash));
    const auto high = dash == std::string::npos ? low : number_of(item.substr(dash + 1));
    // The bound keeps a hostile range from filling the memory.
    if (!low || !high || *low > *high || *high - *low > 100000)
      throw UsageError("layer_surgery: blocks has '" + item +
                       "', expected all, or numbers and ranges such as 0,2-4");
    for (std::int64_t block = *low; block <= *high; ++block) blocks.push_back(block);
  }
  return blocks;
}

Order parse_order(const std::vector<std::string>& items) {
  Order order;
  for (const std::string& item : items) {
    const bool donor = item.starts_with('d');
    const auto index = number_of(std::string_view(item).substr(donor ? 1 : 0));
    if (!index)
      throw UsageError("layer_surgery: order has '" + item +
                       "', expected block numbers such as 0,2,1, with a d before those of the "
                       "donor");
    order.push_back({*index, donor});
  }
  return order;
}

std::vector<std::int64_t> chosen_blocks(const TransformerSpec& spec,
                                        const LayerSurgeryOptions& options) {
  std::vector<std::int64_t> blocks = options.blocks;
  if (blocks.empty()) {
    blocks.resize(static_cast<std::size_t>(spec.n_layers));
    std::iota(blocks.begin(), blocks.end(), 0);
  }
  for (const std::int64_t block : blocks) check_block(block, spec.n_layers, "model");
  // A repeated block would give two equal variants.
  std::vector<std::int64_t> sorted = blocks;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end())
    throw UsageError("layer_surgery: blocks has block " + std::to_string(*twice) +
                     " twice; give it once");
  return blocks;
}

/// Weights are used in the type of the model, so that the streams fit.
SharedModel open_donor(const Model& model, const std::string& name) {
  if (name.empty())
    throw UsageError("layer_surgery: the donor is missing; name its model with donor");
  SharedModel donor = Model::open(name, model.options());
  const TransformerSpec& spec = donor->spec();
  if (spec.d_model != model.spec().d_model)
    throw UsageError("layer_surgery: the donor's stream has width " + std::to_string(spec.d_model) +
                     ", expected that of the model, " + std::to_string(model.spec().d_model) +
                     "; give a donor of the same width");
  if (spec.masked_language_model || !spec.attention.causal)
    throw UsageError("layer_surgery: the donor is a '" + spec.family +
                     "' model, whose blocks see later tokens; give a causal language model");
  return donor;
}

}  // namespace lensbench::surgery
