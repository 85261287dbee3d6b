#include "site.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <map>

namespace lensbench::dictionaries {
namespace {

constexpr std::int64_t kTokens = 2048;  ///< most tokens in a forward of several sequences

/// The one point of a name. \param asked  whose name it is, for messages
HookPoint point_of(const Model& model, const std::string& name, const std::string& asked) {
  if (name.empty())
    throw UsageError("sparse_autoencoder: " + asked +
                     " does not name a hook point; give one with hook");
  const auto points = match_hook_points(model.spec(), name);
  if (points.size() != 1)
    throw UsageError("sparse_autoencoder: hook '" + name + "' is " + std::to_string(points.size()) +
                     " hook points; give one");
  return points.front();
}

void check_axes(const HookPoint& point, bool joins_heads) {
  if (std::ssize(point.dims) != (joins_heads ? 4 : 3) || point.dims[1] != "pos")
    throw UsageError("sparse_autoencoder: '" + point.name +
                     "' does not have one row for each position; give another hook");
}

void check_width(const Model& model, const HookPoint& point, const StoredDictionary& stored,
                 std::int64_t expected) {
  check_axes(point, stored.dictionary.settings.joins_heads);
  const std::int64_t width = width_of(model, point);
  if (width != expected)
    throw InputError("sparse_autoencoder: " + stored.config + ": the dictionary has rows of " +
                     std::to_string(expected) + ", '" + point.name + "' has " +
                     std::to_string(width) + "; give a dictionary of this model, or another hook");
}

/// Blocks up to a point; empty where it is outside of them.
std::optional<std::int64_t> blocks_to(const HookPoint& point) {
  if (!point.name.starts_with("blocks.")) return std::nullopt;
  return point.layer + 1;
}

/// \param settings  what the settings of a dictionary say
bool is_centred(bool settings, const std::string& center) {
  if (center == "auto") return settings;
  if (center != "true" && center != "false")
    throw UsageError("sparse_autoencoder: center is '" + center +
                     "'; expected auto, true or false");
  return center == "true";
}

void check_finite(const Site& site, const at::Tensor& rows) {
  if (!rows.isfinite().all().item<bool>())
    throw RunError("sparse_autoencoder: the activation of '" + site.input +
                   "' is not finite; compute in a wider dtype");
}

at::Tensor as_rows(const at::Tensor& activation) {
  return activation[0].flatten(1).to(at::Device(at::kCPU), at::kFloat).contiguous();
}

}  // namespace

Site site_of(const Model& model, const StoredDictionary& stored,
             const SparseAutoencoderOptions& options) {
  const DictionarySettings& settings = stored.dictionary.settings;
  Site site;
  const HookPoint input =
      point_of(model, options.hook.empty() ? settings.hook : options.hook, stored.config);
  check_width(model, input, stored, settings.d_in);
  site.input = site.output = input.name;
  site.blocks = blocks_to(input);
  if (settings.transcoder) {
    const HookPoint output = point_of(model, settings.output_hook, stored.config + " (output)");
    check_width(model, output, stored, settings.d_out);
    site.output = output.name;
    const auto blocks = blocks_to(output);
    site.blocks =
        site.blocks && blocks ? std::optional(std::max(*site.blocks, *blocks)) : std::nullopt;
  }
  site.centred = is_centred(stored.dictionary.settings.centred_model, options.center);
  return site;
}

Site site_of_training(const Model& model, const SparseAutoencoderOptions& options) {
  const HookPoint point = point_of(model, options.hook, "a training");
  check_axes(point, false);
  return {.input = point.name,
          .output = point.name,
          .centred = is_centred(false, options.center),
          .blocks = blocks_to(point)};
}

std::int64_t width_of(const Model& model, const HookPoint& point) {
  std::int64_t width = 0;
  Hooks hooks;
  hooks.read(point.name, [&](const at::Tensor& x, const HookPoint&) { width = x[0][0].numel(); });
  model.forward(make_batch(tokens_from_ids(model, {0})), {}, hooks);
  return width;
}

SiteRows read_site(const Model& model, const Site& site, const Tokens& tokens, bool whole) {
  SiteRows found;
  Hooks hooks;
  hooks.read(site.input, [&](const at::Tensor& x, const HookPoint&) { found.input = as_rows(x); });
  if (site.output != site.input)
    hooks.read(site.output,
               [&](const at::Tensor& x, const HookPoint&) { found.output = as_rows(x); });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  if (!whole) options.stop_at_layer = site.blocks;
  found.last = model.forward(make_batch(tokens), options, hooks).residual;
  if (!found.output.defined()) found.output = found.input;
  if (site.centred) {
    const bool same = found.output.is_same(found.input);
    found.output_mean = found.output.mean(1, /*keepdim=*/true);
    found.input = found.input - found.input.mean(1, /*keepdim=*/true);
    found.output = same ? found.input : found.output - found.output_mean;
  }
  check_finite(site, found.input);
  check_finite(site, found.output);
  return found;
}

at::Tensor read_inputs(const Model& model, const Site& site, const std::vector<Tokens>& sequences) {
  std::vector<at::Tensor> rows(sequences.size());
  std::map<std::int64_t, std::vector<std::size_t>> of_length;
  for (std::size_t i = 0; i < sequences.size(); ++i) of_length[sequences[i].size()].push_back(i);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.stop_at_layer = site.blocks;
  for (const auto& of_one : of_length) {
    const std::vector<std::size_t>& numbers = of_one.second;
    // Sequences of one length need no padding; some tokens at a time keep the forward in cache.
    const std::size_t most =
        static_cast<std::size_t>(std::max<std::int64_t>(1, kTokens / of_one.first));
    for (std::size_t first = 0; first < numbers.size(); first += most) {
      const std::size_t end = std::min(numbers.size(), first + most);
      std::vector<Tokens> batch;
      batch.reserve(end - first);
      for (std::size_t i = first; i < end; ++i) batch.push_back(sequences[numbers[i]]);
      Hooks hooks;
      hooks.read(site.input, [&](const at::Tensor& x, const HookPoint&) {
        for (std::size_t i = first; i < end; ++i)
          rows[numbers[i]] = as_rows(x.narrow(0, static_cast<std::int64_t>(i - first), 1)).clone();
      });
      model.forward(make_batch(batch), options, hooks);
    }
  }
  at::Tensor all = at::cat(rows);
  check_finite(site, all);
  return site.centred ? all - all.mean(1, /*keepdim=*/true) : all;
}

at::Tensor run_with(const Model& model, const Site& site, const Tokens& tokens,
                    const at::Tensor& rows, const at::Tensor& skipped) {
  Hooks hooks;
  hooks.replace(site.output, [&](const at::Tensor& x, const HookPoint&) {
    const at::Tensor replaced = rows.to(x.device(), x.scalar_type()).view_as(x);
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
    shape[1] = skipped.size(0);
    return at::where(skipped.to(x.device()).view(shape), x, replaced);
  });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  return model.forward(make_batch(tokens), options, hooks).residual;
}

at::Tensor special_rows(const Model& model, const Tokens& tokens, bool exclude) {
  at::Tensor special = at::zeros({tokens.size()}, at::kBool);
  const auto tokenizer = model.tokenizer();
  if (!exclude || tokenizer == nullptr) return special;
  for (std::int64_t i = 0; i < tokens.size(); ++i)
    if (tokenizer->is_special(tokens.ids[static_cast<std::size_t>(i)])) special[i] = true;
  return special;
}

}  // namespace lensbench::dictionaries
