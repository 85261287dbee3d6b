#include "options.hpp"

#include <lensbench/error.hpp>
#include <utility>

#include "heads.hpp"
#include "orders.hpp"

namespace lensbench::surgery {
namespace {

void require_unused(bool given, const char* name, const char* users) {
  if (given)
    throw UsageError("layer_surgery: " + std::string(name) + " is given, but only " + users +
                     " uses it; leave it out");
}

void check_use_of_prune(const LayerSurgeryOptions& options, bool prunes) {
  const LayerSurgeryOptions usual;
  require_unused(options.parts != usual.parts && !prunes, "parts", "operation=prune");
  require_unused(options.by != usual.by && !prunes, "by", "operation=prune");
  require_unused(options.fractions != usual.fractions && !prunes, "fractions", "operation=prune");
  require_unused(options.draws != usual.draws && !prunes, "draws", "operation=prune");
}

}  // namespace

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
  options.alpha = parameters.number("share");
  options.parts = parameters.text("parts");
  options.by = parameters.list("by");
  options.fractions = parameters.numbers("fractions");
  options.draws = parameters.integer("draws");
  options.text = parameters.text("text");
  options.window = parameters.integer("window");
  options.windows = parameters.integer("windows");
  return options;
}

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
  require_unused(options.alpha != usual.alpha && operation != merge_heads, "share",
                 "operation=merge_heads");
  check_use_of_prune(options, operation == prune);
  const bool reads_text = !options.text.empty();
  require_unused(options.window != usual.window && !reads_text, "window", "a measurement on text");
  require_unused(options.windows != usual.windows && !reads_text, "windows",
                 "a measurement on text");
  if (!(options.alpha >= 0 && options.alpha <= 1))
    throw UsageError("layer_surgery: share is " + std::to_string(options.alpha) +
                     ", expected 0 to 1");
}

}  // namespace lensbench::surgery
