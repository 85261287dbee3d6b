#include "place.hpp"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <lensbench/random.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bases.hpp"
#include "common/folds.hpp"
#include "options.hpp"
#include "runs.hpp"
#include "subspaces.hpp"

namespace lensbench::interchange {
namespace {

/// Where the result of an exchange belongs.
struct Slot {
  std::size_t exchange, basis, control;
};

/// The exchanges of a place: those of the bases, the whole activation, and the controls.
class PlaceMeasurement {
 public:
  PlaceMeasurement(const MeasuredModel& measured, const InterchangePlan& plan, const Place& place,
                   const std::function<void()>& stop, Found& found)
      : model_(measured.model),
        plan_(plan),
        place_(place),
        stop_(stop),
        found_(found),
        rows_(measured.rows.rows(place, stop)) {}

  void fit_bases() {
    for (const std::string& basis : plan_.options.basis) {
      const Trained own = fit(basis, plan_.expected);
      const std::size_t number = bases_.size();
      bases_.push_back(own.basis);
      found_.bases[place_.number][static_cast<std::int64_t>(number)].copy_(own.basis.t());
      if (own.loss.defined()) found_.loss[place_.number].copy_(own.loss);
    }
  }

  void exchange_on_test() {
    std::vector<Exchange> exchanges;
    for (const at::Tensor& basis : bases_)
      exchanges.push_back(exchange_of(basis, plan_.test, plan_.expected));
    exchanges.push_back(exchange_of({}, plan_.test, plan_.expected));
    std::vector<Slot> slots;
    // The random subspace is the same for all bases.
    std::optional<std::size_t> random;
    for (std::size_t b = 0; b < bases_.size(); ++b)
      for (std::size_t c = 0; c < plan_.options.controls.size(); ++c) {
        if (!is_of_model(b, plan_.options.controls[c])) continue;
        const bool is_random = plan_.options.controls[c] == "random_basis";
        slots.push_back({is_random && random ? *random : exchanges.size(), b, c});
        if (slots.back().exchange < exchanges.size()) continue;
        if (is_random) random = exchanges.size();
        exchanges.push_back(of_control(b, plan_.options.controls[c]));
      }
    Answers unchanged;
    const auto results = run(plan_.test, exchanges, &unchanged);
    for (std::size_t b = 0; b < bases_.size(); ++b) keep_basis(b, results[b]);
    found_.whole_accuracy[place_.number] = results[bases_.size()].accuracy();
    for (const Slot& slot : slots) keep_control(slot.basis, slot.control, results[slot.exchange]);
    keep_unchanged(plan_.test, unchanged);
    // Without a difference between base and source there is nothing to write.
    bool changed =
        at::equal(some_rows(rows_.base, plan_.test), some_rows(rows_.source, plan_.test));
    for (std::size_t b = 0; b < bases_.size(); ++b) changed = changed || results[b].changed;
    found_.changed[place_.number] = static_cast<std::int64_t>(changed);
  }

  void exchange_on_train() {
    std::vector<Exchange> exchanges;
    for (const at::Tensor& basis : bases_)
      exchanges.push_back(exchange_of(basis, plan_.train, plan_.expected));
    Answers unchanged;
    const auto results = run(plan_.train, exchanges, &unchanged);
    for (std::size_t b = 0; b < bases_.size(); ++b)
      found_.train_accuracy[place_.number][static_cast<std::int64_t>(b)] = results[b].accuracy();
    keep_unchanged(plan_.train, unchanged);
  }

  /// Fits and exchanges in this model, which is that of the control `random_weights`.
  void exchange_as_control(std::size_t control) {
    std::vector<Exchange> exchanges;
    for (const std::string& basis : plan_.options.basis)
      exchanges.push_back(
          exchange_of(fit(basis, plan_.expected).basis, plan_.test, plan_.expected));
    const auto results = run(plan_.test, exchanges, nullptr);
    for (std::size_t b = 0; b < results.size(); ++b) keep_control(b, control, results[b]);
  }

 private:
  Trained fit(const std::string& basis, const std::vector<std::int64_t>& expected) const {
    return fit_subspace(basis, {model_, plan_, place_, rows_, expected, stop_});
  }

  std::vector<Exchanged> run(const std::vector<std::int64_t>& chosen,
                             const std::vector<Exchange>& exchanges, Answers* unchanged) const {
    return run_exchanges(model_, plan_, place_, rows_, chosen, exchanges, stop_, unchanged);
  }

  static Exchange exchange_of(const at::Tensor& basis, const std::vector<std::int64_t>& chosen,
                              const std::vector<std::int64_t>& expected) {
    return {basis, at_rows(expected, chosen)};
  }

  /// Whether a control of a basis runs in this model: random weights are those of another one, and
  /// labels change a training alone.
  bool is_of_model(std::size_t b, const std::string& control) const {
    if (control == "arbitrary_labels") return plan_.options.basis[b] == "das";
    return control != "random_weights";
  }

  Exchange of_control(std::size_t b, const std::string& control) const {
    if (control == "arbitrary_labels")
      return exchange_of(fit("das", plan_.arbitrary).basis, plan_.test, plan_.arbitrary);
    // Both controls by chance have one subspace: they differ in how far they move.
    Philox draw(plan_.seed, place_.stream(kControlKind));
    const at::Tensor random = random_basis(plan_.width, plan_.options.rank, draw);
    if (control == "random_basis") return exchange_of(random, plan_.test, plan_.expected);
    return {bases_[b], at_rows(plan_.expected, plan_.test), random};
  }

  void keep_basis(std::size_t b, const Exchanged& result) {
    const auto basis = static_cast<std::int64_t>(b);
    found_.accuracy[place_.number][basis] = result.accuracy();
    found_.margin[place_.number][basis] = result.margin();
    const at::Tensor pairs = at::tensor(plan_.test, at::kLong);
    found_.answers[place_.number][basis].index_copy_(0, pairs, result.ids);
    found_.pair_margins[place_.number][basis].index_copy_(0, pairs, result.margins);
  }

  void keep_control(std::size_t b, std::size_t c, const Exchanged& result) {
    const auto basis = static_cast<std::int64_t>(b), control = static_cast<std::int64_t>(c);
    found_.control_accuracy[place_.number][basis][control] = result.accuracy();
    found_.control_margin[place_.number][basis][control] = result.margin();
  }

  void keep_unchanged(const std::vector<std::int64_t>& chosen, const Answers& answers) {
    const at::Tensor pairs = at::tensor(chosen, at::kLong);
    found_.base_answers.index_copy_(0, pairs, answers.ids);
    found_.base_right.index_copy_(0, pairs, answers.right());
  }

  const Model& model_;
  const InterchangePlan& plan_;
  const Place& place_;
  const std::function<void()>& stop_;
  Found& found_;
  PlaceRows rows_;
  std::vector<at::Tensor> bases_;
};

}  // namespace

void measure_place(const MeasuredModel& measured, const MeasuredModel* random_weights,
                   const InterchangePlan& plan, const Place& place,
                   const std::function<void()>& stop, Found& found) {
  PlaceMeasurement own(measured, plan, place, stop, found);
  own.fit_bases();
  own.exchange_on_test();
  own.exchange_on_train();
  const auto& controls = plan.options.controls;
  for (std::size_t c = 0; c < controls.size(); ++c)
    if (controls[c] == "random_weights")
      PlaceMeasurement(*random_weights, plan, place, stop, found).exchange_as_control(c);
}

}  // namespace lensbench::interchange
