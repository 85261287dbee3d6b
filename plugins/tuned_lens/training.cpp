#include "training.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "common/endless_windows.hpp"
#include "common/half_minutes.hpp"
#include "common/kept_request.hpp"
#include "corpus_parts.hpp"
#include "receipts.hpp"

// The loop over steps: which windows, and what survives an interruption.

namespace lensbench::tuned {
namespace {

constexpr const char* kState = "translators";

/// Positions of a window that are trained on, drawn without replacement; empty: all.
std::vector<std::int64_t> rows_of(std::int64_t most, std::int64_t length, std::uint64_t seed,
                                  std::int64_t number) {
  if (most == 0 || most >= length) return {};
  std::vector<std::int64_t> rows(static_cast<std::size_t>(length));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  Philox draw(seed, kRowStreams + static_cast<std::uint64_t>(number));
  for (std::size_t i = 0; i < static_cast<std::size_t>(most); ++i)
    std::swap(rows[i], rows[i + draw.below(rows.size() - i)]);
  rows.resize(static_cast<std::size_t>(most));
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// A training that can be kept and taken up again.
class Run {
 public:
  Run(Context& context, const TunedLensTraining& training)
      : context_(context),
        training_(training),
        trainer_(context.model(), training),
        windows_(open_part(context.model(), training, context.seed(), CorpusPart::train),
                 training.text.starts_with("generated:")) {
    mix_training();
    kl_.reserve(static_cast<std::size_t>(training.steps));
    const auto state = context.committed(kState);
    if (state && is_of_request(*state, request_)) take_up(*state);
  }

  Trained finish() {
    HalfMinutes half_minutes;
    while (done() < training_.steps) {
      if (!take_step()) {
        keep();
        throw RunError("tuned_lens: the run was interrupted; it goes on with --resume");
      }
      context_.progress(done(), training_.steps);
      if (half_minutes.passed() || done() == training_.steps) keep();
    }
    return {trainer_.translators, at::stack(kl_), windows_.read, windows_.epochs, rows_,
            first_difference_,    gradient_error_};
  }

 private:
  std::int64_t done() const { return std::ssize(kl_); }

  void mix_training() {
    for (const std::int64_t number :
         {training_.window, training_.steps, training_.tokens_per_step, training_.rows_per_window,
          std::int64_t(training_.clip_over), std::int64_t(training_.bias_only)})
      request_.mix(static_cast<std::uint64_t>(number));
    for (const double number : {training_.learning_rate, training_.momentum, training_.weight_decay,
                                training_.clip, training_.held_out})
      request_.mix(number);
    mix_text(request_, context_, training_.text);
  }

  TrainingWindow next_window() {
    const std::int64_t number = windows_.read;
    std::optional<Tokens> tokens = windows_.next();
    if (!tokens)
      throw UsageError(
          "tuned_lens: the text lacks a document of two tokens outside of those held out; give a "
          "longer text");
    auto rows = rows_of(training_.rows_per_window, tokens->size(), context_.seed(), number);
    return {std::move(*tokens), std::move(rows)};
  }

  /// \return false, with everything as before, if the run is cancelled
  bool take_step() {
    const std::int64_t of_epoch = windows_.of_epoch, epochs = windows_.epochs, read = windows_.read;
    std::vector<TrainingWindow> step;
    std::int64_t tokens = 0, rows = 0;
    while (tokens < training_.tokens_per_step) {
      if (context_.cancelled()) {
        windows_.of_epoch = of_epoch;
        windows_.epochs = epochs;
        windows_.read = read;
        return false;
      }
      step.push_back(next_window());
      tokens += step.back().tokens.size();
      rows += step.back().rows.empty() ? step.back().tokens.size() : std::ssize(step.back().rows);
    }
    const bool first = done() == 0;
    if (first)
      gradient_error_ = gradient_difference(context_.model(), trainer_.divergence,
                                            trainer_.translators, step.front());
    const at::Tensor kl = trainer_.step(step, done());
    if (!kl.isfinite().all().item<bool>() ||
        !std::isfinite(trainer_.translators.bias.sum().item<double>()) ||
        !std::isfinite(trainer_.translators.weight.sum().item<double>()))
      throw RunError("tuned_lens: the divergence of step " + std::to_string(done()) +
                     " is not finite; give a smaller learning_rate");
    if (first) first_difference_ = first_step_difference(context_.model(), step, kl);
    kl_.push_back(kl);
    rows_ += rows;
    return true;
  }

  void keep() {
    if (done() == 0) return;
    Dataset state;
    const auto add_map = [&](const std::string& name, const Translators& map) {
      state.add(name + "_weight", {"layer", "model_out", "model_in"}, map.weight, "1", name);
      state.add(name + "_bias", {"layer", "model_out"}, map.bias, "1", name);
    };
    add_map("translator", trainer_.translators);
    add_map("momentum", trainer_.optimiser.momentum);
    state.add("training_kl", {"step", "layer"}, at::stack(kl_), "nats", "divergence of each step");
    state.add("counts", {"count"},
              at::tensor(std::vector<std::int64_t>{windows_.of_epoch, windows_.epochs,
                                                   windows_.read, rows_}),
              "1", "windows of this epoch, epochs, all windows, rows");
    state.add("checks", {"check"},
              at::tensor(std::vector<double>{first_difference_, gradient_error_}, at::kDouble), "1",
              "of the first step");
    add_request(state, request_);
    context_.commit(kState, state);
  }

  void take_up(const Dataset& state) {
    const auto copy = [&](const std::string& name) {
      return Translators{state[name + "_weight"].tensor.clone(),
                         state[name + "_bias"].tensor.clone()};
    };
    trainer_.translators = copy("translator");
    trainer_.optimiser.momentum = copy("momentum");
    for (const at::Tensor& step : state["training_kl"].tensor.unbind(0)) kl_.push_back(step);
    const std::int64_t* counts = state["counts"].tensor.data_ptr<std::int64_t>();
    windows_.skip(counts[0], counts[1], counts[2]);
    rows_ = counts[3];
    const double* checks = state["checks"].tensor.data_ptr<double>();
    first_difference_ = checks[0];
    gradient_error_ = checks[1];
  }

  Context& context_;
  TunedLensTraining training_;
  Trainer trainer_;
  EndlessWindows windows_;
  RequestNumber request_;
  std::vector<at::Tensor> kl_;
  std::int64_t rows_ = 0;
  double first_difference_ = 0, gradient_error_ = 0;
};

}  // namespace

Trained train_translators(Context& context, const TunedLensTraining& training) {
  return Run(context, training).finish();
}

}  // namespace lensbench::tuned
