#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <string>
#include <utility>
#include <vector>

namespace answer_sources {

/// A question with passages that may hold its answer.
struct Question {
  std::string id;  ///< id of the case, for messages
  std::string question;
  std::vector<std::string> passages;
  std::string answer;
};

/// Question of a case. \throws InputError that names case, field and remedy
Question question_of(const lensbench::Case& c);

/// How question and passages become a prompt.
struct Template {
  std::string text;       ///< with `{passages}` and `{question}`
  std::string separator;  ///< between passages
};

/// Template of a parameter, in which `\n` is a line break.
/// \throws UsageError if a place is missing or there twice
Template template_of(const lensbench::Parameters& given);

/// Tokens of prompt and answer, and where the parts are.
struct Text {
  lensbench::Tokens tokens;
  std::int64_t answer_begin = 0;  ///< first token of the answer; the answer ends the text
  /// Range [begin, end) of the tokens of each passage that was used.
  std::vector<std::pair<std::int64_t, std::int64_t>> passages;
};

/// Text of a question with some of its passages.
/// \param used  indices of the passages, ascending
Text text_of(const lensbench::Model& model, const Question& question, const Template& form,
             const std::vector<std::size_t>& used);

/// ln probabilities at the tokens of an answer, [token, vocab] float64.
at::Tensor distributions(const lensbench::Model& model, const Text& text);

/// Sum over the tokens of each passage of gradient times embedding, where the gradient is that of
/// the summed ln probability of the answer.
std::vector<double> gradient_effects(const lensbench::Model& model, const Text& text);

}  // namespace answer_sources
