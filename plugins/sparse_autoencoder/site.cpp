#include "site.hpp"

#include <ATen/ATen.h>

#include <lensbench/error.hpp>

namespace lensbench::dictionaries {
namespace {

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

/// Numbers that a point has at a position, by a run of one token.
void check_width(const Model& model, const HookPoint& point, const StoredDictionary& stored,
                 std::int64_t expected) {
  const bool heads = stored.dictionary.settings.joins_heads;
  if (std::ssize(point.dims) != (heads ? 4 : 3) || point.dims[1] != "pos")
    throw UsageError("sparse_autoencoder: '" + point.name +
                     "' does not have one row for each position; give another hook");
  std::int64_t width = 0;
  Hooks hooks;
  hooks.read(point.name, [&](const at::Tensor& x, const HookPoint&) { width = x[0][0].numel(); });
  model.forward(make_batch(tokens_from_ids(model, {0})), {}, hooks);
  if (width != expected)
    throw InputError("sparse_autoencoder: " + stored.config + ": the dictionary has rows of " +
                     std::to_string(expected) + ", '" + point.name + "' has " +
                     std::to_string(width) + "; give a dictionary of this model, or another hook");
}

bool is_centred(const Dictionary& dictionary, const std::string& center) {
  if (center == "auto") return dictionary.settings.centred_model;
  if (center != "true" && center != "false")
    throw UsageError("sparse_autoencoder: center is '" + center +
                     "'; expected auto, true or false");
  return center == "true";
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
  if (settings.transcoder) {
    const HookPoint output = point_of(model, settings.output_hook, stored.config + " (output)");
    check_width(model, output, stored, settings.d_out);
    site.output = output.name;
  }
  site.centred = is_centred(stored.dictionary, options.center);
  return site;
}

SiteRows read_site(const Model& model, const Site& site, const Tokens& tokens) {
  SiteRows found;
  Hooks hooks;
  hooks.read(site.input, [&](const at::Tensor& x, const HookPoint&) { found.input = as_rows(x); });
  if (site.output != site.input)
    hooks.read(site.output,
               [&](const at::Tensor& x, const HookPoint&) { found.output = as_rows(x); });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  found.last = model.forward(make_batch(tokens), options, hooks).residual;
  if (!found.output.defined()) found.output = found.input;
  if (site.centred) {
    const bool same = found.output.is_same(found.input);
    found.output_mean = found.output.mean(1, /*keepdim=*/true);
    found.input = found.input - found.input.mean(1, /*keepdim=*/true);
    found.output = same ? found.input : found.output - found.output_mean;
  }
  if (!found.input.isfinite().all().item<bool>() || !found.output.isfinite().all().item<bool>())
    throw RunError("sparse_autoencoder: the activation of '" + site.input +
                   "' is not finite; compute in a wider dtype");
  return found;
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
