#include "values.hpp"

#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/hooks.hpp>
#include <set>

#include "common/kept_reference.hpp"
#include "common/request_number.hpp"

namespace lensbench::patching {
namespace {

/// Streams and activations are read, logits only where a metric needs them.
ForwardOptions without_logits() {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  return options;
}

/// Names of the hook points to read. A pattern is read separately, with the values of the base run.
std::set<std::string> hooks_of(const std::vector<GridPoint>& points) {
  std::set<std::string> hooks;
  for (const GridPoint& point : points)
    if (!point.is_pattern()) hooks.insert(point.hook());
  return hooks;
}

bool has_pattern(const std::vector<GridPoint>& points) {
  for (const GridPoint& point : points)
    if (point.is_pattern()) return true;
  return false;
}

/// Row i of a pattern has i + 1 weights, so rows of different positions have no common mean.
void refuse_pattern(const std::vector<GridPoint>& points, const char* replacement) {
  if (!has_pattern(points)) return;
  throw UsageError("activation_patching: source " + std::string(replacement) +
                   " cannot replace patterns, whose rows have other lengths at other positions; "
                   "leave out pattern, or use source zero, pair or resample");
}

void read_into(Hooks& hooks, const std::string& hook, Values& values) {
  hooks.read("blocks.*." + hook, [&values, hook](const at::Tensor& x, const HookPoint& point) {
    values[{hook, point.layer}] = x[0];
  });
}

/// z of a pattern with given values. \param pattern  [head, query, key]
/// \param v  [position, head or kv_head, d_head] \return [query, head, d_head]
at::Tensor z_of(const at::Tensor& pattern, const at::Tensor& v) {
  // float64, since z is compared with that of the model; the result has the type of the values.
  const std::int64_t group = pattern.size(0) / v.size(1);
  const at::Tensor of_heads = group == 1 ? v : v.repeat_interleave(group, 1);
  return at::matmul(pattern.to(at::kDouble), of_heads.transpose(0, 1).to(at::kDouble))
      .transpose(0, 1)
      .to(v.scalar_type());
}

/// A place for the sum of each activation, which the first prompt gives its shape.
Values empty_sums(const TransformerSpec& spec, const std::vector<GridPoint>& points) {
  Values sums;
  for (const std::string& hook : hooks_of(points))
    for (const HookPoint& point : match_hook_points(spec, "blocks.*." + hook))
      sums[{hook, point.layer}];
  return sums;
}

/// What is kept of the sums. \param names  receives the names, which must outlive the progress
KeptProgress::Tensors kept_tensors(Values& sums, at::Tensor& count,
                                   std::vector<std::string>& names) {
  for (const auto& [place, sum] : sums) {
    std::string name = "block_" + std::to_string(place.second) + "_" + place.first;
    std::replace(name.begin(), name.end(), '.', '_');
    names.push_back(std::move(name));
  }
  KeptProgress::Tensors tensors = {{"positions", &count}};
  std::size_t i = 0;
  for (auto& [place, sum] : sums) tensors.emplace_back(names[i++].c_str(), &sum);
  return tensors;
}

/// Number by which kept sums are recognised as those of the same prompts and points.
std::int64_t number_of(const ReferencePrompts& reference, const std::vector<GridPoint>& points) {
  RequestNumber number;
  number.mix_all(reference.key());
  for (const std::string& hook : hooks_of(points)) number.mix_all(hook);
  return number.value();
}

}  // namespace

std::string written_hook(const GridPoint& point) {
  return point.is_pattern() ? "attn.hook_z" : point.hook();
}

Place place_of(const GridPoint& point, std::int64_t block) {
  return {point.is_pattern() ? "pattern" : point.hook(), block};
}

at::Tensor last_stream(const Model& model, const Tokens& tokens) {
  return model.forward(make_batch(tokens), without_logits()).residual[0];
}

RunValues read_run(const Model& model, const Tokens& source, const Tokens& base,
                   const std::vector<GridPoint>& points) {
  RunValues run;
  Values of_base;
  Hooks hooks;
  for (const std::string& hook : hooks_of(points)) read_into(hooks, hook, run.values);
  if (has_pattern(points)) {
    // The values of the base run come first: the pattern hook combines with them at once.
    Hooks base_hooks;
    read_into(base_hooks, "attn.hook_v", of_base);
    model.forward(make_batch(base), without_logits(), base_hooks);
    hooks.read("blocks.*.attn.hook_pattern", [&](const at::Tensor& x, const HookPoint& point) {
      run.values[{"pattern", point.layer}] = z_of(x[0], of_base.at({"attn.hook_v", point.layer}));
    });
  }
  run.residual = model.forward(make_batch(source), without_logits(), hooks).residual[0];
  return run;
}

/// Zeros of length 1 on every axis: the sweep repeats them.
Values zero_values(const Model& model, const std::vector<GridPoint>& points) {
  Values values;
  const auto options = at::TensorOptions().dtype(model.options().dtype);
  for (const GridPoint& point : points)
    for (std::int64_t block = 0; block < model.spec().n_layers; ++block)
      values[place_of(point, block)] =
          point.n_heads > 0 ? at::zeros({1, 1, 1}, options) : at::zeros({1, 1}, options);
  return values;
}

Values mean_of_prompt_values(const Model& model, const Tokens& tokens,
                             const std::vector<GridPoint>& points) {
  refuse_pattern(points, "mean_of_prompt");
  Values values = read_run(model, tokens, tokens, points).values;
  for (auto& [place, value] : values)
    value = value.to(at::kDouble).mean(0, true).to(value.scalar_type());
  return values;
}

Values mean_values(Context& context, const ReferencePrompts& reference,
                   const std::vector<GridPoint>& points) {
  refuse_pattern(points, "mean");
  const Model& model = context.model();
  Values sums = empty_sums(model.spec(), points);
  Hooks hooks;
  for (const std::string& hook : hooks_of(points))
    hooks.read("blocks.*." + hook, [&sums, hook](const at::Tensor& x, const HookPoint& point) {
      at::Tensor& sum = sums[{hook, point.layer}];
      // Rows are added one by one in order: a sum of all rows at once could differ with threads.
      const at::Tensor rows = x[0].to(at::kDouble);
      if (!sum.defined()) sum = at::zeros(rows[0].sizes(), rows.options());
      for (std::int64_t row = 0; row < rows.size(0); ++row) sum.add_(rows[row]);
    });
  at::Tensor count = at::zeros({}, at::TensorOptions().dtype(at::kLong));
  std::vector<std::string> names;
  KeptProgress progress(context, "activation_patching", "run_activation_patching_means",
                        number_of(reference, points), 0, kept_tensors(sums, count, names));
  run_reference(reference, progress, [&](const Tokens& prompt) {
    model.forward(make_batch(prompt), without_logits(), hooks);
    count.add_(prompt.size());
  });
  for (auto& [place, sum] : sums)
    sum = sum.div(count.item<double>()).unsqueeze(0).to(model.options().dtype);
  return sums;
}

}  // namespace lensbench::patching
