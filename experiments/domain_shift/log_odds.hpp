#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <string>
#include <vector>

namespace domain_shift {

/// Terms whose probability is followed.
struct Terms {
  std::vector<std::string> texts;  ///< the terms as in the file
  std::vector<std::int64_t> ids;   ///< token of each
};

/// Reads one term from each line of a file; leading and trailing blanks count, empty lines do not.
/// \throws InputError with file and line for a term that is not a single token or is repeated, and
///   for a file that cannot be read or lacks terms
Terms read_terms(const lensbench::Model& model, const std::string& path);

/// ln(p / (1 - p)) at every layer and token by the logit lens.
struct LogOdds {
  at::Tensor all;      ///< [layer, token] float64, p of any of the terms
  at::Tensor by_term;  ///< [layer, token, term] float64
  /// Largest difference to the model's own logits at the last layer and token, over the largest of
  /// these, or over 1 if they are smaller.
  double error = 0;
};

/// Log odds of terms for the token after each token of a text.
LogOdds log_odds_of(const lensbench::Model& model, const lensbench::Tokens& tokens,
                    const Terms& terms);

}  // namespace domain_shift
