#include "receipts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/sweep_receipts.hpp>
#include <limits>
#include <set>
#include <vector>

#include "bases.hpp"
#include "common/folds.hpp"
#include "common/worst.hpp"
#include "place_rows.hpp"
#include "runs.hpp"
#include "split.hpp"

namespace lensbench::interchange {
namespace {

constexpr std::size_t kMostPairs = 3;
/// Widest activation whose identity is made as a matrix.
constexpr std::int64_t kWidestIdentity = 4096;

double largest_entry(const at::Tensor& x) {
  return x.numel() == 0 ? 0.0 : x.abs().max().item<double>();
}

/// 0 if two tensors are equal in every bit, else the largest difference.
double bits_apart(const at::Tensor& a, const at::Tensor& b) {
  if (at::equal(a, b)) return 0;
  return std::max(largest_entry(a.to(at::kDouble) - b.to(at::kDouble)),
                  std::numeric_limits<double>::min());
}

double relative_error(const at::Tensor& a, const at::Tensor& b) {
  return largest_entry(a.to(at::kDouble) - b.to(at::kDouble)) /
         std::max(largest_entry(b.to(at::kDouble)), 1e-30);
}

/// Logits [1, pos, vocab] of a pair that runs alone, in a whole forward.
/// \param source  row of its source, [1, width] float64
/// \param basis   [width, rank] float64
at::Tensor exchanged_alone(const Model& model, const InterchangePlan& plan, const Place& place,
                           std::int64_t pair, const at::Tensor& source, const at::Tensor& basis) {
  const PlacedBatch batch(bases_of(plan, {pair}), place.position);
  Hooks hooks;
  hooks.replace(place.hook.name, batch.changing([&](const at::Tensor& h) {
    return exchanged(h, source, basis, plan.options.strength);
  }));
  return model.forward(batch.tokens, {}, hooks).logits;
}

/// Errors of a few runs at one place.
struct PlaceErrors {
  double empty = 0, self = 0, identity = 0, twice = 0, alone = 0;

  void add(const PlaceErrors& other) {
    empty = worst_of(empty, other.empty);
    self = worst_of(self, other.self);
    identity = worst_of(identity, other.identity);
    twice = worst_of(twice, other.twice);
    alone = worst_of(alone, other.alone);
  }
};

class PlaceChecks {
 public:
  PlaceChecks(const Model& model, const InterchangePlan& plan, const Found& found,
              const Place& place)
      : model_(model), plan_(plan), found_(found), place_(place) {
    for (std::size_t i = 0; i < std::min(kMostPairs, plan.test.size()); ++i)
      chosen_.push_back(plan.test[i * (plan.test.size() - 1) / (kMostPairs - 1)]);
    const std::set<std::int64_t> different(chosen_.begin(), chosen_.end());
    chosen_.assign(different.begin(), different.end());
    source_ = source_rows(model, plan, place, chosen_);
    basis_ = found.bases[place.number][0].t().to(at::kDouble);
  }

  PlaceErrors errors() const {
    const BaseRuns runs(model_, bases_of(plan_, chosen_), place_);
    const at::Tensor base = runs.logits();
    PlaceErrors errors;
    errors.empty =
        bits_apart(runs.logits({to_source(at::zeros({plan_.width, 0}, at::kDouble))}), base);
    errors.self = bits_apart(
        runs.logits({[this](const at::Tensor& h) { return exchanged(h, h, basis_, 1.0); }}), base);
    if (plan_.width <= kWidestIdentity)
      errors.identity =
          relative_error(runs.logits({to_source(at::eye(plan_.width, at::kDouble))}),
                         runs.logits({[this](const at::Tensor&) { return source_; }}));
    errors.twice = relative_error(twice(runs), base);
    errors.alone = alone(base);
    return errors;
  }

 private:
  RowChange to_source(const at::Tensor& basis) const {
    return [this, basis](const at::Tensor& h) { return exchanged(h, source_, basis, 1.0); };
  }

  /// Exchanges with the source, and then with the base.
  at::Tensor twice(const BaseRuns& runs) const {
    at::Tensor before;
    return runs.logits({[&](const at::Tensor& h) {
                          before = h;
                          return exchanged(h, source_, basis_, 1.0);
                        },
                        [&](const at::Tensor& h) { return exchanged(h, before, basis_, 1.0); }});
  }

  /// Margins of pairs that run alone, in a whole forward, relative to the largest logit.
  double alone(const at::Tensor& base) const {
    double worst = 0;
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      const std::int64_t pair = chosen_[i];
      const at::Tensor source = source_[static_cast<std::int64_t>(i)].unsqueeze(0);
      const at::Tensor logits = exchanged_alone(model_, plan_, place_, pair, source, basis_)
                                    .select(1, -1)
                                    .to(at::Device(at::kCPU), at::kFloat);
      const double margin =
          answers_of(logits, at_rows(plan_.expected, {pair})).margins[0].item<double>();
      const double stored = found_.pair_margins[place_.number][0][pair].item<double>();
      const double size = std::max({largest_entry(logits), largest_entry(base), 1e-30});
      worst = worst_of(worst, std::abs(margin - stored) / size);
    }
    return worst;
  }

  const Model& model_;
  const InterchangePlan& plan_;
  const Found& found_;
  const Place& place_;
  std::vector<std::int64_t> chosen_;
  at::Tensor source_, basis_;
};

PlaceErrors all_errors(const Model& model, const InterchangePlan& plan, const Found& found) {
  PlaceErrors errors;
  for (const std::int64_t number : std::set<std::int64_t>{0, plan.n_places() - 1}) {
    const Place place = plan.place(number);
    errors.add(PlaceChecks(model, plan, found, place).errors());
  }
  return errors;
}

/// Whether the exchange of any basis changes a logit of any position, in a pair at least.
bool acts_somewhere(const Model& model, const InterchangePlan& plan, const Found& found,
                    const Place& place) {
  const at::Tensor bases = found.bases[place.number].transpose(1, 2).to(at::kDouble);
  for (const std::int64_t pair : plan.test) {
    const at::Tensor source = source_rows(model, plan, place, {pair});
    const at::Tensor unchanged = model.forward(make_batch(bases_of(plan, {pair}))).logits;
    for (const at::Tensor& basis : bases.unbind(0))
      if (!at::equal(exchanged_alone(model, plan, place, pair, source, basis), unchanged))
        return true;
  }
  return false;
}

/// Places at which base and source differ, but no exchange acts. An exchange whose answer is
/// unchanged may act at its own position alone, as after the attention of the last block.
double places_without_effect(const Model& model, const InterchangePlan& plan, const Found& found) {
  std::int64_t count = 0;
  for (std::int64_t number = 0; number < plan.n_places(); ++number)
    if (found.changed[number].item<std::int64_t>() == 0 &&
        !acts_somewhere(model, plan, found, plan.place(number)))
      ++count;
  return static_cast<double>(count);
}

double worst_basis(const Found& found) {
  double worst = 0;
  for (const at::Tensor& basis : found.bases.flatten(0, 1).unbind(0))
    worst = worst_of(worst, orthonormality_error(basis.t().to(at::kDouble)));
  return worst;
}

}  // namespace

void add_receipts(Dataset& dataset, Context& context, const InterchangePlan& plan,
                  const Found& found) {
  const Model& model = context.model();
  const PlaceErrors errors = all_errors(model, plan, found);
  const double rounding = rounding_tolerance(model);
  auto& receipts = dataset.receipts;
  receipts.push_back(make_receipt("rank_0_changes_nothing", errors.empty, 0,
                                  "logits of an exchange without a direction equal those of the "
                                  "base in every bit"));
  receipts.push_back(make_receipt("replacing_an_activation_by_itself_changes_nothing", errors.self,
                                  0, "logits of an exchange with the base itself, in every bit"));
  receipts.push_back(make_receipt("identity_equals_replacing", errors.identity, 10 * rounding,
                                  plan.width <= kWidestIdentity
                                      ? "largest difference of logits, relative to the largest"
                                      : "not checked: the activation is too wide"));
  receipts.push_back(make_receipt("basis_is_orthonormal", worst_basis(found), 1e-5,
                                  "largest entry of B^T B minus 1"));
  receipts.push_back(make_receipt("exchanging_twice_returns_the_base", errors.twice, 10 * rounding,
                                  "largest difference of logits, relative to the largest; order "
                                  "of rounding through all blocks"));
  receipts.push_back(make_receipt("no_write_was_without_effect",
                                  places_without_effect(model, plan, found), 0,
                                  "places where base and source differ and no exchange changed a "
                                  "logit of any position"));
  receipts.push_back(make_receipt("batched_equals_single", errors.alone, 10 * rounding,
                                  "three pairs alone in whole forwards, relative to the largest "
                                  "logit"));
  receipts.push_back(
      make_receipt("no_prompt_in_train_and_test",
                   static_cast<double>(prompts_on_both_sides(plan.pairs, plan.part)), 0,
                   "prompts that are in a training pair and in a test pair, as base or as source"));
}

}  // namespace lensbench::interchange
