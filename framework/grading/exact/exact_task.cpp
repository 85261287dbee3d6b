#include "grading/exact/exact_task.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <lensbench/error.hpp>

namespace lensbench::grading {
namespace {

at::Tensor to_tensor(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}

void require_pairs(const std::vector<PromptPair>& prompts, const std::string& name) {
  if (prompts.empty()) throw InputError("task " + name + ": it has no prompts");
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const PromptPair& prompt = prompts[i];
    const std::string subject = "task " + name + ", prompt " + std::to_string(i) + ": ";
    if (prompt.ids.size() != prompts[0].ids.size() ||
        prompt.corrupted_ids.size() != prompt.ids.size())
      throw InputError(subject + "expected " + std::to_string(prompts[0].ids.size()) +
                       " tokens in the clean and in the corrupted prompt, as in the first (found " +
                       std::to_string(prompt.ids.size()) + " and " +
                       std::to_string(prompt.corrupted_ids.size()) +
                       "); put prompts of another length into a task of their own");
    if (prompt.answer < 0 || prompt.foil < 0 || prompt.position < 0)
      throw InputError(subject + "effects need an answer, a foil and a position");
  }
}

}  // namespace

ExactTask run_task(const ExactModel& model, const std::vector<PromptPair>& prompts,
                   const std::string& name) {
  require_pairs(prompts, name);
  std::vector<at::Tensor> ids, corrupted;
  std::vector<std::int64_t> positions, answers, foils;
  for (const PromptPair& prompt : prompts) {
    ids.push_back(to_tensor(prompt.ids));
    corrupted.push_back(to_tensor(prompt.corrupted_ids));
    positions.push_back(prompt.position);
    answers.push_back(prompt.answer);
    foils.push_back(prompt.foil);
  }
  ExactTask task{model,
                 at::stack(ids),
                 at::stack(corrupted),
                 to_tensor(positions),
                 to_tensor(answers),
                 to_tensor(foils),
                 {},
                 {},
                 {},
                 {}};
  task.clean = run_exact(model, task.ids, task.positions);
  task.corrupted = run_exact(model, task.corrupted_ids, task.positions);
  task.clean_metric = metric_of(task, task.clean.logits);
  task.corrupted_metric = metric_of(task, task.corrupted.logits);
  return task;
}

double ExactTask::gap() const {
  return (clean_metric - corrupted_metric).mean().item<double>();
}

at::Tensor metric_of(const ExactTask& task, const at::Tensor& logits) {
  return rows_at(logits, task.answers) - rows_at(logits, task.foils);
}

at::Tensor metric_from(const ExactTask& task, const Start& start, const at::Tensor& streams,
                       const Reader& reader, const at::Tensor& difference) {
  const std::int64_t variants = streams.size(0), prompts = streams.size(1);
  const at::Tensor logits =
      logits_from(task.model, start, streams.flatten(0, 1), task.positions.repeat({variants}),
                  reader, difference.defined() ? difference.flatten(0, 1) : difference)
          .view({variants, prompts, -1});
  const auto of = [&](const at::Tensor& ids) {
    return logits.gather(2, ids.view({1, -1, 1}).expand({variants, -1, -1})).squeeze(2);
  };
  return of(task.answers) - of(task.foils);
}

at::Tensor output_of(const ExactRun& run, const ComponentPlace& place) {
  const auto layer = static_cast<std::size_t>(place.layer);
  switch (place.kind) {
    case ComponentPlace::Kind::head:
      return run.heads[layer].select(2, place.index);
    case ComponentPlace::Kind::attention:
      return run.heads[layer].sum(2);
    case ComponentPlace::Kind::mlp:
      return run.mlps[layer];
    case ComponentPlace::Kind::neuron:
      break;
  }
  throw UsageError(component_name(place) + ": a neuron has no output of its own");
}

Start start_after(const ComponentPlace& place) {
  if (place.kind == ComponentPlace::Kind::mlp || place.kind == ComponentPlace::Kind::neuron)
    return {place.layer + 1, false};
  return {place.layer, true};
}

const at::Tensor& stream_at(const ExactRun& run, const Start& start) {
  const auto layer = static_cast<std::size_t>(start.layer);
  return start.after_attention ? run.middles[layer] : run.streams[layer];
}

std::vector<double> to_numbers(const at::Tensor& values) {
  const at::Tensor flat = values.to(at::kDouble).contiguous();
  const double* data = flat.data_ptr<double>();
  return {data, data + flat.numel()};
}

Table to_table(const at::Tensor& values) {
  Table table;
  table.reserve(static_cast<std::size_t>(values.size(0)));
  for (std::int64_t row = 0; row < values.size(0); ++row) table.push_back(to_numbers(values[row]));
  return table;
}

}  // namespace lensbench::grading
