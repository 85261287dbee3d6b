// Sources of an answer: how much more likely the passages of a prompt make it, and which of them.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <optional>

#include "common/results.hpp"
#include "sources.hpp"

namespace answer_sources {
namespace {

using namespace lensbench;

const std::vector<std::string>& methods() {
  static const std::vector<std::string> names = {"occlusion", "gradient_x_input"};
  return names;
}

std::vector<std::int64_t> ids_of(const Text& text) {
  return {text.tokens.ids.begin() + text.answer_begin, text.tokens.ids.end()};
}

/// ln probability of each token of the answer, [token].
at::Tensor of_answer(const at::Tensor& log_p, const std::vector<std::int64_t>& ids) {
  return log_p.gather(1, at::tensor(ids, at::kLong).unsqueeze(1)).squeeze(1);
}

/// Jensen-Shannon divergence of two distributions at each token, [token], nats.
at::Tensor divergence(const at::Tensor& log_p, const at::Tensor& log_q) {
  const at::Tensor p = log_p.exp(), q = log_q.exp(), log_m = ((p + q) / 2).log();
  const auto against = [&](const at::Tensor& one, const at::Tensor& log_one) {
    // 0 ln 0 is 0.
    return (one * (log_one - log_m)).masked_fill(one.eq(0), 0).sum(-1);
  };
  return ((against(p, log_p) + against(q, log_q)) / 2).clamp_min(0);
}

std::vector<std::size_t> all_but(std::size_t count, std::optional<std::size_t> left_out) {
  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < count; ++i)
    if (i != left_out) used.push_back(i);
  return used;
}

/// Index of the passage that a case names as its source; -1: none.
std::int64_t source_of(const Case& c, std::size_t n_passages) {
  const auto given = c.field("source");
  if (!given) return -1;
  const bool is_number = !given->empty() && given->size() < 10 &&
                         given->find_first_not_of("0123456789") == std::string::npos;
  if (is_number && std::stoll(*given) < static_cast<std::int64_t>(n_passages))
    return std::stoll(*given);
  throw InputError("answer_sources: case '" + c.id() + "': the field 'source' is '" + *given +
                   "', expected 0 to " + std::to_string(n_passages - 1) +
                   "; give the number of the passage that has the answer, from 0");
}

/// Values over cases, with statistics. \param values  one number a case
void add_over_cases(Dataset& table, const Variable& like, const std::vector<double>& values,
                    bool test) {
  std::vector<at::Tensor> cases;
  cases.reserve(values.size());
  for (const double value : values) cases.push_back(at::scalar_tensor(value, at::kDouble));
  statistics::add_over_cases(table, like, {}, cases);
  statistics::add_intervals(table, like, {}, cases);
  if (test) statistics::add_tests_against_zero(table, like, {}, cases);
}

/// What the cases say of passages, each a number for each case.
struct CaseNumbers {
  std::vector<double> gain, distance, agreement;
  std::vector<std::vector<double>> found;  ///< by method: whether it finds the source
};

CaseNumbers numbers_of(const Summary& summary) {
  CaseNumbers numbers;
  numbers.found.resize(methods().size());
  summary.for_each("sources", [&](auto, const Dataset& one) {
    numbers.gain.push_back(
        (one["log_probability_with"].tensor - one["log_probability_without"].tensor)
            .sum()
            .item<double>());
    numbers.distance.push_back(one["divergence"].tensor.mean().item<double>());
    numbers.agreement.push_back(one["passage_agreement"].tensor.item<double>());
    const auto source = one["source"].tensor.item<std::int64_t>();
    const at::Tensor best = one["passage_effect"].tensor.argmax(1);
    for (std::size_t m = 0; m < numbers.found.size(); ++m)
      numbers.found[m].push_back(
          source < 0 ? std::numeric_limits<double>::quiet_NaN()
                     : best[static_cast<std::int64_t>(m)].item<std::int64_t>() == source);
  });
  return numbers;
}

/// Mean of every method over some cases.
std::vector<double> means_over(const std::vector<std::vector<double>>& found,
                               const std::vector<std::size_t>& cases) {
  std::vector<double> all;
  for (const auto& one : found) {
    std::vector<double> drawn;
    drawn.reserve(cases.size());
    for (const std::size_t i : cases) drawn.push_back(one[i]);
    all.push_back(statistics::mean(drawn));
  }
  return all;
}

}  // namespace

class AnswerSources final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"template", ParameterType::text, "{passages}\\n{question}", "",
       "prompt before the answer, with {passages} and {question}; \\n is a line break"},
      {"separator", ParameterType::text, "\\n", "", "text between passages; \\n is a line break"},
  };

  void check_parameters(const Parameters& parameters, const Model& model) override {
    Experiment::check_parameters(parameters, model);
    template_of(parameters);
  }

  void run(Case& c) override {
    if (c.model().spec().masked_language_model)
      throw UsageError(
          "answer_sources: the model predicts masked tokens, not the next one; give a causal "
          "model");
    const Question question = question_of(c);
    const Template form = template_of(c.parameters());
    const std::size_t n = question.passages.size();
    const Text whole = text_of(c.model(), question, form, all_but(n, std::nullopt));
    const Text bare = text_of(c.model(), question, form, {});
    const auto ids = ids_of(whole);
    const at::Tensor with = distributions(c.model(), whole);
    const at::Tensor without = distributions(c.model(), same_answer(question, ids, bare));
    const double answer = of_answer(with, ids).sum().item<double>();

    const auto effects = left_out_effects(c.model(), question, form, ids, answer);
    const auto gradients = gradient_effects(c.model(), whole);
    save(c, whole, ids, with, without, effects, gradients);
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    const CaseNumbers numbers = numbers_of(summary);
    Dataset table;
    add_over_cases(table,
                   {.name = "gain",
                    .units = "nats",
                    .long_name = "summed ln probability of the answer with all passages minus "
                                 "without any"},
                   numbers.gain, true);
    add_over_cases(table,
                   {.name = "divergence",
                    .units = "nats",
                    .long_name = "Jensen-Shannon divergence of the distributions with and without "
                                 "passages, mean over the answer"},
                   numbers.distance, false);
    add_over_cases(
        table,
        {.name = "agreement", .long_name = "rank correlation of the two methods over the passages"},
        numbers.agreement, false);
    add_found(table, numbers.found, summary.seed());
    table.attributes["cases"] = static_cast<std::int64_t>(numbers.gain.size());
    summary.save("answer_sources", std::move(table));
  }

 private:
  /// Change of the answer's log-probability for each passage that is left out.
  /// \param answer  log-probability with all passages
  static std::vector<double> left_out_effects(const Model& model, const Question& question,
                                              const Template& form,
                                              const std::vector<std::int64_t>& ids, double answer) {
    const std::size_t n = question.passages.size();
    std::vector<double> effects;
    for (std::size_t left_out = 0; left_out < n; ++left_out) {
      const Text rest = text_of(model, question, form, all_but(n, left_out));
      const at::Tensor log_p = distributions(model, same_answer(question, ids, rest));
      effects.push_back(answer - of_answer(log_p, ids).sum().item<double>());
    }
    return effects;
  }

  /// Share of cases in which the passage with the largest effect is the one with the answer.
  static void add_found(Dataset& table, const std::vector<std::vector<double>>& found,
                        std::uint64_t seed) {
    table.add_coordinate("method", methods(), "how the effect of a passage is measured");
    const statistics::Resampling resampling{.seed = seed};
    const auto shares = [&](const std::vector<std::size_t>& cases) {
      return means_over(found, cases);
    };
    common::add_estimates(table,
                          {"found_share",
                           {"method"},
                           "1",
                           "share of cases whose source is the passage with the largest effect "
                           "(NaN: no case has a field 'source')"},
                          statistics::bootstrap(found.front().size(), shares, resampling), 0,
                          {std::ssize(methods())}, resampling);
  }

  /// The text, if its answer has these tokens: texts with other passages must be comparable.
  static const Text& same_answer(const Question& question, const std::vector<std::int64_t>& ids,
                                 const Text& text) {
    if (ids_of(text) != ids)
      throw InputError("answer_sources: case '" + question.id +
                       "': the answer has other tokens where passages are left out, because the "
                       "text before it is joined with it; begin the answer with a blank, or end "
                       "the template with {question}");
    return text;
  }

  static void save(Case& c, const Text& text, const std::vector<std::int64_t>& ids,
                   const at::Tensor& with, const at::Tensor& without,
                   const std::vector<double>& effects, const std::vector<double>& gradients) {
    Dataset result;
    add_token_axis(result, ids, to_str_tokens(c.model(), ids), text.answer_begin);
    result.add_coordinate("method", methods(), "how the effect of a passage is measured");
    result.add_coordinate("passage", at::arange(std::ssize(effects), at::kInt),
                          "number of the passage, from 0");
    result.add("log_probability_with", {"token"}, of_answer(with, ids), "nats",
               "ln probability of the answer's token after all passages");
    result.add("log_probability_without", {"token"}, of_answer(without, ids), "nats",
               "ln probability of the answer's token without any passage");
    result.add("divergence", {"token"}, divergence(with, without), "nats",
               "Jensen-Shannon divergence of the two distributions");
    std::vector<double> both = effects;
    both.insert(both.end(), gradients.begin(), gradients.end());
    common::add_numbers(result,
                        {"passage_effect",
                         {"method", "passage"},
                         "nats",
                         "effect of the passage on the summed ln probability of the answer"},
                        both, {std::ssize(methods()), std::ssize(effects)});
    result.add("passage_agreement", {},
               at::scalar_tensor(statistics::spearman(effects, gradients), at::kDouble), "1",
               "rank correlation of the two methods (NaN: fewer than two passages, or all equal)");
    result.add("source", {}, at::scalar_tensor(source_of(c, effects.size()), at::kLong), "1",
               "number of the passage that has the answer; -1: not given");
    c.save("sources", std::move(result));
  }
};

}  // namespace answer_sources

using answer_sources::AnswerSources;

LENSBENCH_EXPERIMENT(AnswerSources, "answer_sources", "1.0.0",
                     "Which passage of the prompt does an answer come from?");
