#include "grading/run/ask_task.hpp"

#include <algorithm>
#include <cstdint>
#include <lensbench/error.hpp>
#include <utility>

#include "checkpoint/checkpoint.hpp"
#include "core/text/glob.hpp"
#include "grading/exact/exact_task.hpp"
#include "grading/run/edge_circuits.hpp"
#include "grading/run/exact_controls.hpp"
#include "grading/run/feature_tables.hpp"
#include "grading/run/shuffled_model.hpp"
#include "grading/run/tool_answers.hpp"
#include "grading/run/training_file.hpp"
#include "grading/run/truth_tables.hpp"

namespace lensbench::grading {
namespace {

double number_of(const NumberOfClaim& numbers, const std::pair<std::string, bool>& key) {
  const auto found = numbers.find(key);
  return found == numbers.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
}

void replace_all(std::string& text, const std::string& folder, const std::string& label) {
  if (folder.empty()) return;
  for (auto at = text.find(folder); at != std::string::npos;
       at = text.find(folder, at + label.size()))
    text.replace(at, folder.size(), label);
}

/// A message that names the folder of a model names the model instead, since folders of models that
/// are planted for a run are others in each run; so it is of the training prompts.
std::string without_folder(std::string text, const GradedModel& model,
                           const TrainingFiles& training) {
  replace_all(text, training.train.string(), "training prompts of " + model.label);
  for (const std::filesystem::path& fold : training.folds)
    replace_all(text, fold.string(), "prompts of " + model.label);
  replace_all(text, model.folder.string(), model.label);
  return text;
}

void note_answers(ToolRecord& record, const ToolAnswers& answers, const GradedModel& model,
                  const TrainingFiles& training) {
  record.seconds = answers.seconds;
  record.answered = answers.answered;
  record.failed = answers.failures.size();
  if (!answers.failures.empty())
    record.failure = without_folder(answers.failures.begin()->second, model, training);
  if (answers.answered > 0) return;
  record.refusal = !answers.refusal.empty() ? without_folder(answers.refusal, model, training)
                   : record.failure.empty() ? "it gave no result"
                                            : record.failure;
}

/// The model in float64, in which circuits are run; empty where no edges are claimed, for tasks
/// without corrupted prompts, and for families that have no forward in float64.
std::optional<ExactModel> exact_model_of(const GradedModel& planted, const Task& task,
                                         const ToolAnswers& answers) {
  const bool about_edges = std::any_of(
      answers.claims.begin(), answers.claims.end(),
      [](const auto& claim) { return find_claim(claim.first.first).family == ClaimFamily::edges; });
  const bool has_pairs = std::all_of(
      task.prompts.begin(), task.prompts.end(),
      [](const auto& prompt) { return prompt.corrupted_ids.size() == prompt.ids.size(); });
  if (!task.edges || !about_edges || !has_pairs) return std::nullopt;
  try {
    return read_exact_model(Checkpoint(planted.folder));
  } catch (const InputError&) {
    return std::nullopt;
  }
}

/// What the claims of a tool about one task are compared with.
struct ComparedTask {
  const Truth& truth;
  const Task& task;
  const TransformerSpec& spec;
  std::optional<ExactModel> exact;  ///< empty: circuits cannot be run
  std::uint64_t seed;

  /// What is true, before claims are set.
  std::optional<ItemTable> truth_of(const std::string& claim, const ClaimedTask& claimed) const {
    return truth_table(truth, task, find_claim(claim), claimed.of_stream);
  }
  void set(ItemTable& table, const std::string& claim,
           const std::vector<ItemValues>& prompts) const {
    if (table.kind == TableKind::features)
      set_matched(table, truth, task, find_claim(claim), prompts);
    else
      set_claimed(table, prompts, spec);
    if (table.kind == TableKind::edges && exact)
      set_circuits(table, run_task(*exact, task.prompts, task.name));
  }
};

/// Rows of a table that other claims of the tool, or random numbers, fill.
void set_further_rows(ItemTable& table, const ComparedTask& compared, const ToolAnswers& answers,
                      const ClaimedTask& claimed) {
  if (table.kind == TableKind::edges && compared.exact)
    set_random_circuits(table, run_task(*compared.exact, compared.task.prompts, compared.task.name),
                        compared.seed);
  const auto activations = answers.claims.find({"feature.activation", false});
  if (table.kind == TableKind::features && activations != answers.claims.end())
    set_unexplained(table, compared.truth, compared.task, claimed.prompts,
                    activations->second.prompts);
}

/// What a tool says on one prompt once the labels that it learns from are exchanged among prompts;
/// none for a tool that does not learn from labels.
ToolAnswers answers_of_permuted(Question question, double gap) {
  if (question.training.permuted.empty() ||
      training_parameter(question.tool.parameters, question.task) == nullptr)
    return {};
  question.training.train = question.training.permuted;
  return ask(question, 1, gap);
}

/// Control `permuted` of tools that are trained. \param permuted  see `answers_of_permuted`
std::optional<Table> claims_of_permuted(const ComparedTask& compared, ItemTable table,
                                        const std::string& claim, const ClaimedTask& claimed,
                                        const ToolAnswers& permuted) {
  if (claim == "feature.activation") {
    set_matched_permuted(table, compared.truth, compared.task, claimed.prompts);
    return std::move(table.claimed);
  }
  const auto found = permuted.claims.find({claim, claimed.of_stream});
  if (table.kind != TableKind::presence || found == permuted.claims.end()) return std::nullopt;
  compared.set(table, claim, found->second.prompts);
  return std::move(table.claimed);
}

/// \param shuffled, permuted  what it claims with these controls; null: they were not asked for
/// \return empty if the truth does not say what is claimed
std::optional<ClaimRecord> record_of(const ComparedTask& compared, const std::string& claim,
                                     const ToolAnswers& answers, const ClaimedTask& claimed,
                                     const ClaimedTask* shuffled, const ToolAnswers* permuted) {
  auto table = compared.truth_of(claim, claimed);
  if (!table) return std::nullopt;
  ClaimRecord record;
  record.claim = claim;
  record.of_stream = claimed.of_stream;
  record.contradiction = claimed.contradiction;
  ItemTable other = *table;
  compared.set(*table, claim, claimed.prompts);
  set_further_rows(*table, compared, answers, claimed);
  record.items = table->items;
  record.candidates = table->candidates;
  record.claimed = std::move(table->claimed);
  if (permuted != nullptr)
    record.permuted = claims_of_permuted(compared, other, claim, claimed, *permuted);
  if (shuffled == nullptr) return record;
  compared.set(other, claim, shuffled->prompts);
  if (other.items.size() == record.items.size()) record.shuffled = std::move(other.claimed);
  return record;
}

}  // namespace

OpenModel open_model(const GradeRequest& request, const GradedModel& graded,
                     const std::filesystem::path& scratch) {
  OpenModel model;
  model.planted = Model::open(graded.folder.string());
  if (request.controls.shuffled) model.shuffled = shuffled_model(model.planted, request.seed);
  // Norms after the additions leave no other basis that has the same gains.
  if (!request.controls.gauge || model.planted->spec().norm_placement == NormPlacement::after_add)
    return model;
  std::filesystem::create_directory(scratch);
  model.turned_heads = write_turned(graded.folder, scratch, request.seed);
  model.turned = Model::open(scratch.string());
  return model;
}

ToolRecord ask_tool(const PluginHost& host, const GradeRequest& request, const Candidate& candidate,
                    const OpenModel& model, const GradedModel& planted, const Task& task,
                    bool is_new) {
  ToolRecord record;
  record.tool = candidate.tool->name;
  record.settings = candidate.settings_text;
  const double gap = task.metric ? gap_of(task) : 1.0;
  Question question{host,
                    *candidate.tool,
                    candidate.settings,
                    request.bind,
                    model.planted,
                    task,
                    request.seed,
                    learns_from_files(candidate.tool->parameters)
                        ? training_files(request.scratch, planted.truth, task)
                        : TrainingFiles()};
  if (is_new) {
    const ToolAnswers first = ask(question, 1, gap);
    record.later = first.later;
    record.claims_nothing = first.answered > 0 && first.claims.empty();
    if (record.claims_nothing) return record;
  }
  const ToolAnswers answers = ask(question, SIZE_MAX, gap);
  note_answers(record, answers, planted, question.training);
  if (answers.answered == 0) return record;
  const NumberOfClaim null = request.controls.null ? null_claims(question, gap) : NumberOfClaim();
  const NumberOfClaim gauge =
      model.turned ? gauge_changes(question, answers, model.turned, model.turned_heads, gap)
                   : NumberOfClaim();
  const ComparedTask compared{planted.truth, task, model.planted->spec(),
                              exact_model_of(planted, task, answers), request.seed};
  const ToolAnswers of_permuted =
      request.controls.permuted ? answers_of_permuted(question, gap) : ToolAnswers();
  question.model = model.shuffled;
  const ToolAnswers of_shuffled = model.shuffled ? ask(question, SIZE_MAX, gap) : ToolAnswers();
  for (const auto& [key, claimed] : answers.claims) {
    if (!glob_matches(request.claims, key.first)) continue;
    const auto other = of_shuffled.claims.find(key);
    auto claim = record_of(compared, key.first, answers, claimed,
                           other == of_shuffled.claims.end() ? nullptr : &other->second,
                           request.controls.permuted ? &of_permuted : nullptr);
    if (!claim) continue;
    claim->null_largest = number_of(null, key);
    claim->gauge_change = number_of(gauge, key);
    record.claims.push_back(*std::move(claim));
  }
  return record;
}

}  // namespace lensbench::grading
