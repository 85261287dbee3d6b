#include "runs.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <limits>

#include "common/folds.hpp"

namespace lensbench::interchange {
namespace {

constexpr std::int64_t kPairsPerBatch = 16;

/// The change that an exchange makes in some pairs.
RowChange change_of(const Exchange& exchange, const PlaceRows& rows, double strength,
                    const std::vector<std::int64_t>& pairs) {
  const at::Tensor source = some_rows(rows.source, pairs);
  if (!exchange.basis.defined()) return [source](const at::Tensor&) { return source; };
  return [source, exchange, strength](const at::Tensor& h) {
    return exchange.elsewhere.defined()
               ? moved_as_far(h, source, exchange.basis, exchange.elsewhere, strength)
               : exchanged(h, source, exchange.basis, strength);
  };
}

/// Answers of all batches, gathered.
struct Gathered {
  std::vector<at::Tensor> ids, margins;
  bool changed = false;

  void add(const Answers& answers) {
    ids.push_back(answers.ids);
    margins.push_back(answers.margins);
  }
  Answers all() const { return {at::cat(ids), at::cat(margins)}; }
};

Exchanged result_of(const Gathered& gathered) {
  const Answers answers = gathered.all();
  return {answers.right(), answers.margins, answers.ids, gathered.changed};
}

}  // namespace

std::vector<Tokens> bases_of(const InterchangePlan& plan, const std::vector<std::int64_t>& chosen) {
  std::vector<Tokens> bases;
  bases.reserve(chosen.size());
  for (const std::int64_t pair : chosen)
    bases.push_back(plan.pairs[static_cast<std::size_t>(pair)].base);
  return bases;
}

at::Tensor some_rows(const at::Tensor& rows, const std::vector<std::int64_t>& chosen) {
  return rows.index_select(0, at::tensor(chosen, at::kLong));
}

BaseRuns::BaseRuns(const Model& model, const std::vector<Tokens>& prompts, const Place& place)
    : model_(model), point_(place.hook.name), batch_(prompts, place.position) {
  if (place.hook.layer > 0) {
    ForwardOptions before;
    before.logits = ForwardOptions::Logits::none;
    before.stop_at_layer = place.hook.layer;
    options_.residual = model.forward(batch_.tokens, before).residual;
    options_.start_at_layer = place.hook.layer;
  }
  options_.logits = ForwardOptions::Logits::last;
}

at::Tensor BaseRuns::logits(const std::vector<RowChange>& changes) const {
  Hooks hooks;
  for (const RowChange& change : changes) hooks.replace(point_, batch_.changing(change));
  return model_.forward(batch_.tokens, options_, hooks)
      .logits.select(1, -1)
      .to(at::Device(at::kCPU), at::kFloat);
}

at::Tensor Answers::right() const {
  return margins.gt(0).to(at::kDouble);
}

Answers answers_of(const at::Tensor& logits, const std::vector<std::int64_t>& expected) {
  const at::Tensor own = at::tensor(expected, at::kLong).unsqueeze(1);
  const double least = -std::numeric_limits<double>::infinity();
  const at::Tensor others = logits.scatter(1, own, least).amax(1).to(at::kDouble);
  return {logits.argmax(1), logits.gather(1, own).squeeze(1).to(at::kDouble) - others};
}

double Exchanged::accuracy() const {
  return right.mean().item<double>();
}

double Exchanged::margin() const {
  return margins.mean().item<double>();
}

std::vector<Exchanged> run_exchanges(const Model& model, const InterchangePlan& plan,
                                     const Place& place, const PlaceRows& rows,
                                     const std::vector<std::int64_t>& chosen,
                                     const std::vector<Exchange>& exchanges,
                                     const std::function<void()>& stop, Answers* unchanged) {
  std::vector<Gathered> gathered(exchanges.size());
  Gathered bases;
  for (std::int64_t first = 0; first < std::ssize(chosen); first += kPairsPerBatch) {
    std::vector<std::int64_t> part;
    for (std::int64_t i = first; i < std::min(first + kPairsPerBatch, std::ssize(chosen)); ++i)
      part.push_back(i);
    const std::vector<std::int64_t> own = at_rows(chosen, part);
    const BaseRuns runs(model, bases_of(plan, own), place);
    const at::Tensor base = runs.logits();
    bases.add(answers_of(base, at_rows(plan.expected, own)));
    for (std::size_t e = 0; e < exchanges.size(); ++e) {
      stop();
      const at::Tensor logits =
          runs.logits({change_of(exchanges[e], rows, plan.options.strength, own)});
      if (!at::isfinite(logits).all().item<bool>())
        throw RunError("interchange: a logit is not finite after an exchange at '" +
                       place.hook.name + "'; give a smaller strength, or --dtype float32");
      gathered[e].add(answers_of(logits, at_rows(exchanges[e].expected, part)));
      gathered[e].changed = gathered[e].changed || !at::equal(logits, base);
    }
  }
  if (unchanged != nullptr) *unchanged = bases.all();
  std::vector<Exchanged> results;
  results.reserve(exchanges.size());
  for (const Gathered& one : gathered) results.push_back(result_of(one));
  return results;
}

}  // namespace lensbench::interchange
