#include "answer.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>
#include <optional>

namespace hallucination_signals {
namespace {

using namespace lensbench;

constexpr const char* kName = "hallucination_signals: ";

/// Whether each token of a text ends after a prompt that the text begins with.
std::vector<bool> after(const Model& model, const std::string& text, std::size_t prompt_bytes) {
  const Encoding encoding = model.tokenizer()->encode(text);
  std::vector<bool> inside;
  inside.reserve(encoding.ids.size());
  for (std::size_t i = 0; i < encoding.ids.size(); ++i)
    inside.push_back(!encoding.special[i] && encoding.offsets[i].second > prompt_bytes);
  return inside;
}

std::vector<bool> all_but_special(const Model& model, const Tokens& tokens) {
  const auto tokenizer = model.tokenizer();
  std::vector<bool> inside;
  inside.reserve(tokens.ids.size());
  for (const std::int64_t id : tokens.ids)
    inside.push_back(tokenizer == nullptr || !tokenizer->is_special(id));
  return inside;
}

[[noreturn]] void refuse(const Case& c, const std::string& problem) {
  throw InputError(kName + ("case '" + c.id() + "': ") + problem);
}

JudgedText with_answer(const Case& c, const std::string& answer) {
  const std::string& prompt = c.tokens().text;
  if (prompt.empty())
    refuse(c,
           "has the field 'answer' but ids instead of a text; give the prompt as 'text', or ids "
           "of the whole without 'answer'");
  if (answer.empty())
    refuse(c, "the field 'answer' is empty; write the text that the label judges");
  return {to_tokens(c.model(), prompt + answer), after(c.model(), prompt + answer, prompt.size())};
}

std::vector<double> answer_values(const Dataset& analysis, const char* name,
                                  const std::vector<bool>& in_answer) {
  const auto all = statistics::values_of(analysis[name].tensor);
  std::vector<double> kept;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (in_answer[i]) kept.push_back(all[i]);
  return kept;
}

double deviation(const std::vector<double>& values) {
  const double middle = statistics::mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - middle) * (value - middle);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

}  // namespace

JudgedText judged_text(const Case& c) {
  const auto answer = c.field("answer");
  JudgedText text = answer ? with_answer(c, *answer)
                           : JudgedText{c.tokens(), all_but_special(c.model(), c.tokens())};
  text.in_answer.front() = false;  // nothing predicted it
  if (std::find(text.in_answer.begin(), text.in_answer.end(), true) == text.in_answer.end())
    refuse(c,
           "the answer lacks a token that the model predicted from the text before it; write a "
           "prompt before the answer, or a longer text");
  return text;
}

int label_of(const CaseInput& input) {
  const std::string subject = kName + ("case '" + input.id + "': the field 'label' ");
  const std::string remedy =
      "; write \"label\": 0 (the answer is right) or \"label\": 1 (it is wrong) in its line of a "
      "JSONL file of prompts";
  const auto found = input.fields.find("label");
  if (found == input.fields.end()) throw InputError(subject + "is missing" + remedy);
  if (found->second != "0" && found->second != "1")
    throw InputError(subject + "is '" + found->second + "'" + remedy);
  return found->second == "1" ? 1 : 0;
}

void check_labels(const Summary& cases) {
  std::size_t wrong = 0;
  for (const auto number : cases.cases())
    wrong += static_cast<std::size_t>(label_of(cases.input(number)));
  if (wrong > 0 && wrong < cases.cases().size()) return;
  throw InputError(kName + ("all " + std::to_string(cases.cases().size()) +
                            " cases have the label " + (wrong > 0 ? "1" : "0") +
                            " in the field 'label', so nothing can be told apart; add cases with "
                            "the label " +
                            (wrong > 0 ? "0" : "1")));
}

std::array<double, 5> measure(const Dataset& analysis, const std::vector<bool>& in_answer) {
  const auto values = [&](const char* name) { return answer_values(analysis, name, in_answer); };
  const auto surprisal = values("surprisal");
  return {statistics::mean(surprisal), statistics::mean(values("entropy")),
          statistics::mean(values("margin")), deviation(surprisal),
          statistics::mean(values("entropy_jump"))};
}

}  // namespace hallucination_signals
