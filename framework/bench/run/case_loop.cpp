#include "bench/run/case_loop.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "archive/records.hpp"
#include "bench/access/case_access.hpp"
#include "bench/access/context_access.hpp"
#include "bench/access/slot_access.hpp"
#include "bench/case_input.hpp"
#include "bench/input/picture_prompts.hpp"
#include "bench/intact_weights.hpp"
#include "bench/run/single_tool.hpp"
#include "bench/sink_summary.hpp"

namespace lensbench {
namespace {

/// The kind of the error decides the exit code, so the message is thrown again with the same kind.
[[noreturn]] void throw_finish_error(const CaseFailure& failure) {
  const std::string message = "the experiment's summary over the cases failed: " + failure.message;
  if (failure.exit_code == 2) throw UsageError(message);
  if (failure.exit_code == 3) throw InputError(message);
  throw RunError(message);
}

}  // namespace

CaseGroups groups_of(const std::vector<CaseInput>& cases, const Context& context,
                     const RunControl& control) {
  if (control.in_step && !control.only_finish) return groups_in_step(cases, context);
  return batches_of(cases, context, control.batches && !control.only_finish);
}

BoundExperiment::Run::Run(BoundExperiment& bound, const std::vector<CaseInput>& cases,
                          const Parameters& parameters, Context& context, ResultSink& sink,
                          const RunControl& control)
    : bound_(bound),
      cases_(cases),
      parameters_(parameters),
      context_(context),
      sink_(sink),
      control_(control),
      meter_(profile_of(context.model())),
      services_(context, sink, control, meter_),
      slots_(SlotAccess::slots(*bound.experiment_), services_),
      source_(control.source != nullptr ? *control.source : all_) {
  source_.begin(groups_of(cases, context, control));
}

RunReport BoundExperiment::Run::report() {
  // Every pass runs over all cases before the next one begins, so that it can read all earlier
  // results.
  const std::int64_t passes = bound_.passes(parameters_);
  require_intact_weights("", "code of a plug-in that ran before the first case");
  for (std::int64_t pass = 0; pass < passes; ++pass) {
    if (!run_pass_safely(pass)) {
      report_.interrupted = true;
      return std::move(report_);
    }
    if (!end_pass(pass)) return std::move(report_);
  }
  if (source_.sums_up()) finish();
  report_.peak_memory_bytes = meter_.peak_memory_bytes();
  return std::move(report_);
}

bool BoundExperiment::Run::end_pass(std::int64_t pass) {
  if (!source_.ends(pass)) {
    report_.unfinished_pass = pass;
    return false;
  }
  // The cases of other processes are in the sink alone.
  if (source_.is_shared()) {
    report_.completed = sink_.done(pass);
    std::sort(report_.completed.begin(), report_.completed.end());
  }
  return true;
}

bool BoundExperiment::Run::run_pass_safely(std::int64_t pass) {
  try {
    const bool ended = run_pass(pass);
    sink_.make_safe();
    report_safe_cases();
    return ended;
  } catch (...) {
    try {
      sink_.make_safe();
      report_safe_cases();
    } catch (const Error&) {
      // The first error says what is wrong; cases that are not safe are not reported.
    }
    throw;
  }
}

void BoundExperiment::Run::report_safe_cases() {
  for (const auto& [index, failed] : std::exchange(unsafe_, {}))
    if (control_.on_case) control_.on_case(index, failed);
}

bool BoundExperiment::Run::run_pass(std::int64_t pass) {
  // A case that failed in an earlier pass is not run again.
  const std::vector<std::int64_t> before = std::exchange(report_.completed, {});
  // Later passes read the results of earlier ones from the sink, not from memory.
  const EarlierResults earlier(sink_, before, cases_, parameters_, context_.seed());
  const bool ended = run_groups(pass, before, pass == 0 ? nullptr : &earlier);
  // The groups are not in the order of the cases.
  std::sort(report_.completed.begin(), report_.completed.end());
  std::stable_sort(report_.failures.begin(), report_.failures.end(),
                   [](const CaseFailure& a, const CaseFailure& b) { return a.index < b.index; });
  return ended;
}

bool BoundExperiment::Run::run_groups(std::int64_t pass, const std::vector<std::int64_t>& before,
                                      const Summary* earlier) {
  OverCases over{sink_.done(pass), sink_.given_up(pass)};
  std::sort(over.complete.begin(), over.complete.end());
  std::sort(over.failed.begin(), over.failed.end());
  for (CaseGroups groups = source_.next(pass); !groups.empty(); groups = source_.next(pass))
    for (const std::vector<std::int64_t>& group : groups)
      if (!run_group(waiting_of(group, pass, before, over), pass, earlier)) return false;
  return true;
}

std::vector<std::int64_t> BoundExperiment::Run::waiting_of(const std::vector<std::int64_t>& group,
                                                           std::int64_t pass,
                                                           const std::vector<std::int64_t>& before,
                                                           const OverCases& over) {
  std::vector<std::int64_t> waiting;
  for (const std::int64_t index : group) {
    if (pass > 0 && !std::binary_search(before.begin(), before.end(), index)) continue;
    if (std::binary_search(over.failed.begin(), over.failed.end(), index)) continue;
    // A resumed run skips what is complete.
    if (std::binary_search(over.complete.begin(), over.complete.end(), index))
      report_.completed.push_back(index);
    else if (!control_.only_finish)
      waiting.push_back(index);
  }
  return waiting;
}

bool BoundExperiment::Run::run_group(const std::vector<std::int64_t>& group, std::int64_t pass,
                                     const Summary* earlier) {
  const std::optional<CaseBatch> batch = batch_of(group);
  const CaseBatch* const together = batch ? &*batch : nullptr;
  if (together != nullptr && !together->in_step && takes_batches()) {
    if (should_stop()) return false;
    if (run_together(group, pass, together)) return true;
  }
  for (const std::int64_t index : group)
    if (should_stop() || !run_case(index, pass, earlier, together)) return false;
  return true;
}

/// The prompts of a group of several cases. Nothing, if one cannot be read: its case fails alone.
std::optional<CaseBatch> BoundExperiment::Run::batch_of(const std::vector<std::int64_t>& group) {
  if (group.size() < 2) return std::nullopt;
  CaseBatch batch;
  batch.number = ++batches_;
  batch.in_step = control_.in_step;
  batch.sequences.reserve(group.size());
  try {
    for (const std::int64_t index : group)
      batch.sequences.push_back(tokens_of(input_of(index), context_));
  } catch (const Error&) {
    return std::nullopt;
  }
  return batch;
}

bool BoundExperiment::Run::takes_batches() const {
  return bound_.single_tool_ != nullptr && bound_.single_tool_->takes_batches();
}

void BoundExperiment::Run::begin(std::int64_t index, std::int64_t pass, const CaseBatch* batch) {
  meter_.begin_case();
  ContextAccess::begin_case(context_);
  services_.begin_case(index, pass, batch);
}

CaseCosts BoundExperiment::Run::end(std::int64_t index) {
  services_.end_case();
  // Nothing of these cases is saved: their results may be wrong, and all later ones would be.
  require_intact_weights("case '" + input_of(index).id + "', ", "the experiment");
  return meter_.end_case();
}

void BoundExperiment::Run::require_intact_weights(const std::string& place,
                                                  const std::string& otherwise) const {
  lensbench::require_intact_weights(context_.model(), place + services_.writer(otherwise));
}

bool BoundExperiment::Run::run_together(const std::vector<std::int64_t>& group, std::int64_t pass,
                                        const CaseBatch* batch) {
  SingleTool* const tool = bound_.single_tool_;
  begin(group.front(), pass, batch);
  std::vector<std::unique_ptr<Case>> cases;
  std::vector<Dataset> results;
  const auto failure = attempt(group.front(), [&] {
    for (const std::int64_t index : group)
      cases.emplace_back(
          new Case(CaseAccess::make(index, input_of(index), context_, parameters_, pass)));
    results = tool->run_batch(cases);
  });
  const CaseCosts costs = end(group.front());
  // One by one, the case that is wrong fails alone.
  if (failure || results.size() != group.size()) return false;
  for (std::size_t i = 0; i < group.size(); ++i) {
    auto failed = attempt(group[i], [&] { tool->save(*cases[i], std::move(results[i])); });
    save(cases[i].get(), group[i], pass, share_of(costs, group.size(), i == 0), std::move(failed));
  }
  return true;
}

bool BoundExperiment::Run::run_case(std::int64_t index, std::int64_t pass, const Summary* earlier,
                                    const CaseBatch* batch) {
  std::unique_ptr<Case> c;
  begin(index, pass, batch);
  // Everything that a plug-in throws becomes the failure of this case.
  auto failure = attempt(index, [&] {
    c.reset(
        new Case(CaseAccess::make(index, input_of(index), context_, parameters_, pass, earlier)));
    bound_.experiment_->run(*c);
  });
  const CaseCosts costs = end(index);
  // A tool that gives up because the run is to stop has not failed.
  if (failure && should_stop()) return false;
  save(c.get(), index, pass, costs, std::move(failure));
  return true;
}

std::map<std::string, Dataset> BoundExperiment::Run::results_of(const Case& c) const {
  std::map<std::string, Dataset> saved = CaseAccess::saved(c);
  const auto add_own = [&](const char* name, Dataset dataset) {
    if (!saved.emplace(name, std::move(dataset)).second)
      throw SaveError("case '" + c.id() + "' saved '" + name +
                      "', the name of a result of lensbench itself; choose another name");
  };
  // Every dataset is saved in one pass.
  if (const auto* pictures = picture_prompts_of(context_.model(), c.id());
      pictures != nullptr && c.pass() == 0) {
    add_own(kPictureTokens, pictures->picture_tokens(c.id()));
    if (auto files = pictures->picture_files(c.id())) add_own(kPictureFiles, std::move(*files));
  }
  for (auto& [name, dataset] : saved) {
    // Schema and views are those of the tools in use.
    if (name != kPictureTokens && name != kPictureFiles) bound_.check_schema(dataset);
    add_views(dataset, bound_.schemas_);
  }
  return saved;
}

void BoundExperiment::Run::save(const Case* c, std::int64_t index, std::int64_t pass,
                                const CaseCosts& costs, std::optional<CaseFailure> failure) {
  std::map<std::string, Dataset> saved;
  if (!failure) failure = attempt(index, [&] { saved = results_of(*c); });
  if (!failure) failure = commit(index, pass, saved, costs);
  // The failure is committed like a result, so that a resumed run does not repeat it.
  if (failure) {
    sink_.commit_failure(index, pass, failure->message, costs);
    report_.failures.push_back(*failure);
  } else {
    report_.completed.push_back(index);
  }
  // A case is reported when it survives a power cut, not when it ends.
  unsafe_.emplace_back(index, failure.has_value());
  if (sink_.is_safe()) report_safe_cases();
}

std::optional<CaseFailure> BoundExperiment::Run::commit(std::int64_t index, std::int64_t pass,
                                                        const std::map<std::string, Dataset>& saved,
                                                        const CaseCosts& costs) {
  try {
    sink_.commit(index, pass, saved, costs);
    return std::nullopt;
  } catch (const UsageError& error) {
    return CaseFailure{index, error.what(), error.exit_code()};
  }
}

// Without any completed case there is nothing to sum up.
void BoundExperiment::Run::finish() {
  if (report_.completed.empty()) return;
  // `finish` may call tools too; it begins with an empty cache.
  ContextAccess::begin_case(context_);
  FinalSummary summary(sink_, report_.completed, cases_, parameters_, context_.seed(),
                       report_.summaries);
  services_.forget_calls();
  const auto failure = attempt(-1, [&] { bound_.experiment_->finish(summary); });
  require_intact_weights("", "the experiment's summary over the cases");
  // The cases are safe, but without their summary the run is incomplete.
  if (failure) throw_finish_error(*failure);
  for (auto& [name, dataset] : report_.summaries) add_views(dataset, bound_.schemas_);
}

}  // namespace lensbench
