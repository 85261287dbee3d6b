#include "reference.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <filesystem>
#include <functional>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <utility>

namespace lensbench::attribution {
namespace {

void for_each_prompt(const Context& context, const std::string& file,
                     const std::function<void(const Tokens&)>& visit) {
  if (file.empty()) {
    for (const Tokens& prompt : context.reference_prompts()) visit(prompt);
    return;
  }
  Corpus corpus(context.model(), file);
  while (const auto window = corpus.next()) visit(window->tokens);
}

/// Adds the rows of `values` [1, token, ...] to `sum` [...], in index order.
void add_positions(at::Tensor& sum, const at::Tensor& values) {
  const at::Tensor rows = values[0].to(at::kCPU, at::kDouble).contiguous();
  const std::int64_t width = sum.numel();
  const double* row = rows.data_ptr<double>();
  double* total = sum.data_ptr<double>();
  for (std::int64_t token = 0; token < rows.size(0); ++token, row += width)
    for (std::int64_t i = 0; i < width; ++i) total[i] += row[i];
}

/// Hooks that add one kind of output of every block to its sums.
void sum_into(Hooks& hooks, const std::string& name, std::vector<at::Tensor>& sums) {
  hooks.read("blocks.*." + name, [&sums](const at::Tensor& value, const HookPoint& point) {
    at::Tensor& sum = sums[static_cast<std::size_t>(point.layer)];
    if (!sum.defined()) sum = at::zeros(value.sizes().slice(2), at::kDouble);
    add_positions(sum, value);
  });
}

void divide(std::vector<at::Tensor>& sums, std::int64_t count) {
  for (at::Tensor& sum : sums) sum.div_(static_cast<double>(count));
}

}  // namespace

void check_reference(const Context& context, const std::string& file) {
  if (!file.empty()) {
    for_each_prompt(context, file, [](const Tokens&) {});
    return;
  }
  const std::size_t found = context.reference_prompts().size();
  if (found >= 2) return;
  throw UsageError("layer_attribution: ablation 'mean' averages over reference prompts (found " +
                   std::to_string(found) + (found == 1 ? " prompt" : " prompts") +
                   " in this run, expected at least 2); give more prompts, a file of them with "
                   "reference, or mean_of_prompt");
}

ReferenceMeans reference_means(const Context& context, const std::string& file) {
  check_reference(context, file);
  const Model& model = context.model();
  ReferenceMeans means;
  const auto blocks = static_cast<std::size_t>(model.spec().n_layers);
  for (auto* sums : {&means.attn_out, &means.mlp_out, &means.z}) sums->resize(blocks);
  Hooks hooks;
  sum_into(hooks, "hook_attn_out", means.attn_out);
  sum_into(hooks, "hook_mlp_out", means.mlp_out);
  sum_into(hooks, "attn.hook_z", means.z);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  for_each_prompt(context, file, [&](const Tokens& prompt) {
    if (context.cancelled()) throw RunError("layer_attribution: the run was interrupted");
    model.forward(make_batch(prompt), options, hooks);
    ++means.prompts;
    means.tokens += prompt.size();
  });
  for (auto* sums : {&means.attn_out, &means.mlp_out, &means.z}) divide(*sums, means.tokens);
  return means;
}

std::string reference_key(const Context& context, const std::string& file) {
  if (!file.empty()) return "file " + file;
  // FNV-1a over the ids.
  std::uint64_t hash = 14695981039346656037ULL;
  const auto mix = [&](std::int64_t value) {
    hash = (hash ^ static_cast<std::uint64_t>(value)) * 1099511628211ULL;
  };
  for (const Tokens& prompt : context.reference_prompts()) {
    mix(prompt.size());
    for (const std::int64_t id : prompt.ids) mix(id);
  }
  return "cases " + std::to_string(hash);
}

std::string reference_name(const std::string& file) {
  return file.empty() ? "cases" : std::filesystem::path(file).filename().string();
}

}  // namespace lensbench::attribution
