#pragma once

#include <array>
#include <cstdint>
#include <lensbench/experiment.hpp>
#include <string>
#include <vector>

namespace factual_recall_tracing {

/// Places of a token in a fact, in the order of the result. They are those of Meng et al.
/// (arXiv:2202.05262); tokens before the subject have none, since nothing reaches them.
inline constexpr std::array<const char*, 6> kRoles = {
    "first_subject", "middle_subject", "last_subject", "first_after", "later_after", "last"};

/// The first of these are tokens of the subject.
inline constexpr std::size_t kSubjectRoles = 3;

/// A fact as tokens.
struct Fact {
  lensbench::Tokens tokens;              ///< the prompt
  std::vector<std::int64_t> subject;     ///< positions of the subject's tokens, ascending
  std::int64_t object = -1;              ///< token that completes the prompt
  lensbench::Tokens replaced;            ///< the prompt with another subject; empty: not asked for
  std::vector<std::string> token_roles;  ///< role of each token; `before` ahead of the subject
};

/// Fact of a case: its prompt and its fields `subject`, `object` and `replacement`.
/// \param c         the case
/// \param replaces  whether the fact needs another subject
/// \throws InputError that names case, field and remedy
Fact fact_of(const lensbench::Case& c, bool replaces);

/// Role of each token of a prompt. A subject of one token has neither a first nor a middle token,
/// and the token after the subject is `last` if it ends the prompt.
/// \param length  number of tokens
/// \param first   position of the subject's first token
/// \param last    position of the subject's last token, before the end of the prompt
std::vector<std::string> roles_of(std::int64_t length, std::int64_t first, std::int64_t last);

}  // namespace factual_recall_tracing
