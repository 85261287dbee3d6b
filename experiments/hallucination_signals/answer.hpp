#pragma once

#include <array>
#include <lensbench/experiment.hpp>
#include <string>
#include <vector>

namespace hallucination_signals {

/// Names of the signals, in the order of `measure`.
inline constexpr std::array<const char*, 5> kSignals = {"surprisal", "entropy", "margin",
                                                        "dispersion", "entropy_jumps"};
/// 1 for a signal that grows with doubt, -1 for the margin, which shrinks.
inline constexpr std::array<int, 5> kDirections = {1, 1, -1, 1, 1};

/// A text, and which of its tokens belong to the answer that is judged.
struct JudgedText {
  lensbench::Tokens tokens;
  std::vector<bool> in_answer;  ///< whether each token belongs to the answer
};

/// Text of a case: the prompt with its field `answer` after it, whose tokens are those that end
/// after the prompt; without the field the prompt alone, of which all tokens but the first and
/// special ones belong to the answer.
/// \throws InputError for an empty answer, a prompt of ids with an answer, or a text without a
///   token that the model predicted
JudgedText judged_text(const lensbench::Case& c);

/// Label of a case: 0 (the answer is right) or 1 (it is wrong).
/// \throws InputError that names case, field and remedy
int label_of(const lensbench::CaseInput& input);

/// Checks that every case has a label and that both labels occur. \throws InputError otherwise
void check_labels(const lensbench::Summary& cases);

/// Signals of an answer, from the result of `TokenAnalyzer::analyze`: means of surprisal, entropy
/// and margin, the standard deviation of the surprisal (divisor n), and the share of tokens at
/// which the entropy jumped.
std::array<double, 5> measure(const lensbench::Dataset& analysis,
                              const std::vector<bool>& in_answer);

}  // namespace hallucination_signals
