#include "generated.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <utility>

#include "common/worst.hpp"

namespace lensbench::steering {
namespace {

/// Bytes of keys and values of runs that generate together.
constexpr std::int64_t kCacheBytes = std::int64_t{1} << 28;
constexpr std::int64_t kMostRows = 64;

/// Whether the keys in a cache become wrong when the sequence grows.
bool depends_on_length(const TransformerSpec& spec) {
  const auto of = [](const std::optional<RopeSpec>& rope) {
    return rope && (rope->scaling == RopeSpec::Scaling::dynamic ||
                    rope->scaling == RopeSpec::Scaling::longrope);
  };
  return of(spec.rope) || of(spec.local_rope);
}

std::int64_t rows_together(const Model& model, std::int64_t length) {
  const TransformerSpec& spec = model.spec();
  // Latent attention makes keys and values of its cache, for one block at a time.
  const std::int64_t made = spec.latent ? spec.key_value_width() : 0;
  const std::int64_t row = (spec.n_layers * spec.cached_width() + made) * length *
                           static_cast<std::int64_t>(at::elementSize(model.options().dtype));
  return std::clamp<std::int64_t>(kCacheBytes / std::max<std::int64_t>(row, 1), 1, kMostRows);
}

/// A batch of runs that continue one prompt together.
class GeneratingRows {
 public:
  GeneratingRows(const SteeringPlan& plan, const std::vector<SteeredRun>& runs,
                 const GenerationOptions& options)
      : plan_(plan),
        options_(options),
        ends_(plan.context.model().end_of_sequence_ids()),
        hooks_(hooks_of(plan.context.model().spec(), plan.mode, plan.where, runs)),
        rows_(runs.size()),
        ended_(runs.size(), false),
        // Random numbers are equal for every row, as `generate` draws them for each run alone.
        draws_(runs.size(), Philox(options.sampling.seed)) {}

  /// \param watch  called with the step, the row, its logits and its choice
  template <class Watch>
  std::vector<Generated> run(Watch&& watch) {
    const auto n = static_cast<std::int64_t>(rows_.size());
    at::Tensor pending = at::tensor(plan_.tokens.ids, at::kLong).unsqueeze(0).expand({n, -1});
    for (std::int64_t step = 0; step < options_.max_new_tokens; ++step) {
      const at::Tensor logits = next(pending);
      std::vector<std::int64_t> chosen;
      for (std::int64_t row = 0; row < n; ++row) chosen.push_back(choose(step, row, logits, watch));
      // Rows that have ended run on until the last one has, since a batch has one length.
      if (std::find(ended_.begin(), ended_.end(), false) == ended_.end()) break;
      pending = at::tensor(chosen, at::kLong).unsqueeze(1);
    }
    return std::move(rows_);
  }

 private:
  at::Tensor next(const at::Tensor& ids) {
    if (plan_.context.cancelled()) throw RunError("steering: the run was interrupted");
    ForwardOptions forward;
    forward.logits = ForwardOptions::Logits::last;
    forward.prompt_length = plan_.tokens.size();
    forward.cache = &cache_;
    return plan_.context.model().forward({ids, {}}, forward, hooks_).logits.select(1, 0);
  }

  template <class Watch>
  std::int64_t choose(std::int64_t step, std::int64_t row, const at::Tensor& all, Watch&& watch) {
    const auto i = static_cast<std::size_t>(row);
    if (ended_[i]) return rows_[i].ids.back();  // what follows an end is not read
    const at::Tensor logits = all[row];
    const std::int64_t chosen = choose_token(logits, options_.sampling, draws_[i]);
    rows_[i].ids.push_back(chosen);
    rows_[i].logit_sum += logits.to(at::kDouble).sum().item<double>();
    watch(step, row, logits, chosen);
    ended_[i] = std::find(ends_.begin(), ends_.end(), chosen) != ends_.end();
    return chosen;
  }

  const SteeringPlan& plan_;
  const GenerationOptions& options_;
  std::vector<std::int64_t> ends_;
  Hooks hooks_;
  KeyValueCache cache_;
  std::vector<Generated> rows_;
  std::vector<bool> ended_;
  std::vector<Philox> draws_;
};

Generated generate_alone(const SteeringPlan& plan, const SteeredRun& run,
                         const GenerationOptions& options) {
  const Model& model = plan.context.model();
  Generated found;
  found.ids = generate(
      model, plan.tokens, options,
      [&](std::int64_t, const at::Tensor& logits, std::int64_t) {
        found.logit_sum += logits.to(at::kDouble).sum().item<double>();
      },
      hooks_of(model.spec(), plan.mode, plan.where, {run}));
  return found;
}

/// Logits and choice of each step of a run with a cache, as row of a batch where that is used.
std::vector<std::pair<at::Tensor, std::int64_t>> watched_steps(const SteeringPlan& plan,
                                                               const SteeredRun& run,
                                                               const GenerationOptions& options) {
  const Model& model = plan.context.model();
  std::vector<std::pair<at::Tensor, std::int64_t>> steps;
  const auto keep = [&](const at::Tensor& logits, std::int64_t chosen) {
    steps.emplace_back(logits.to(at::kDouble), chosen);
  };
  if (depends_on_length(model.spec())) {
    generate(
        model, plan.tokens, options,
        [&](std::int64_t, const at::Tensor& logits, std::int64_t chosen) { keep(logits, chosen); },
        hooks_of(model.spec(), plan.mode, plan.where, {run}));
    return steps;
  }
  // With an unchanged row in the batch, so that the hook has to select its row.
  SteeredRun base = run;
  base.unchanged = true;
  GeneratingRows rows(plan, {base, run}, options);
  rows.run([&](std::int64_t, std::int64_t row, const at::Tensor& logits, std::int64_t chosen) {
    if (row == 1) keep(logits, chosen);
  });
  return steps;
}

std::vector<Generated> generate_rows(const SteeringPlan& plan, const std::vector<SteeredRun>& runs,
                                     const GenerationOptions& options) {
  const Model& model = plan.context.model();
  std::vector<Generated> found;
  found.reserve(runs.size());
  if (depends_on_length(model.spec())) {
    for (const SteeredRun& run : runs) found.push_back(generate_alone(plan, run, options));
    return found;
  }
  const auto step =
      static_cast<std::size_t>(rows_together(model, plan.tokens.size() + options.max_new_tokens));
  for (std::size_t first = 0; first < runs.size(); first += step) {
    const std::vector<SteeredRun> part(
        runs.begin() + static_cast<std::ptrdiff_t>(first),
        runs.begin() + static_cast<std::ptrdiff_t>(std::min(runs.size(), first + step)));
    GeneratingRows rows(plan, part, options);
    for (Generated& one :
         rows.run([](std::int64_t, std::int64_t, const at::Tensor&, std::int64_t) {}))
      found.push_back(std::move(one));
  }
  return found;
}

}  // namespace

std::vector<Generated> generate_runs(const SteeringPlan& plan, const std::vector<SteeredRun>& runs,
                                     const GenerationOptions& options) {
  std::vector<SteeredRun> different;
  std::vector<std::size_t> index;
  // Position of the one continuation that all unchanged runs share.
  std::optional<std::size_t> base;
  for (const SteeredRun& run : runs) {
    if (run.unchanged && base) {
      index.push_back(*base);
      continue;
    }
    if (run.unchanged) base = different.size();
    index.push_back(different.size());
    different.push_back(run);
  }
  const std::vector<Generated> found = generate_rows(plan, different, options);
  std::vector<Generated> all;
  all.reserve(index.size());
  for (const std::size_t i : index) all.push_back(found[i]);
  return all;
}

namespace {

/// The model with a run as interventions that were stored and read back.
std::shared_ptr<const Model> stored_model(const SteeringPlan& plan, const SteeredRun& run) {
  return with_interventions(
      plan.context.shared_model(),
      interventions_from_json(interventions_to_json(interventions_of(plan.context.model().spec(),
                                                                     plan.mode, plan.where, run)),
                              "steering"));
}

}  // namespace

double uncached_error(const SteeringPlan& plan, const SteeredRun& run,
                      const GenerationOptions& options) {
  const auto cached = watched_steps(plan, run, options);
  // Where the first choice ends the text, no generated token is run.
  if (plan.where.part == SteeredPart::generated && cached.size() < 2) return 0;
  const auto model = stored_model(plan, run);
  GenerationOptions alone = options;
  alone.use_cache = false;
  double error = 0;
  bool same = true;
  generate(*model, plan.tokens, alone,
           [&](std::int64_t step, const at::Tensor& logits, std::int64_t chosen) {
             if (!same || step >= std::ssize(cached)) return;
             const auto& [expected, token] = cached[static_cast<std::size_t>(step)];
             const double size = std::max(expected.abs().max().item<double>(), 1e-30);
             error = worst_of(
                 error, (logits.to(at::kDouble) - expected).abs().max().item<double>() / size);
             same = chosen == token;
           });
  return error;
}

}  // namespace lensbench::steering
