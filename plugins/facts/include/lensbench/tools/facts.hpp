#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// A triple to ask about, and how to ask. A list that is empty is that of the first fact of the
/// relation that has one.
struct Fact {
  std::string subject;   ///< text in place of `{}`
  std::string relation;  ///< name that groups facts: its objects are each other's candidates
  std::string object;    ///< text that follows the prompt
  /// Prompts with `{}` once. Empty for the whole relation: `FactsOptions::prompt_template`.
  std::vector<std::string> templates = {};
  /// Answers to compare, the object among them. Empty for the whole relation: all its objects.
  std::vector<std::string> candidates = {};
  /// Subjects without the object, for the prior. Empty for the whole relation: its other subjects.
  std::vector<std::string> neutral = {};
  std::string inverse = {};  ///< name of the relation from object to subject; may be empty
};

/// Settings of the questions.
struct FactsOptions {
  std::string prompt_template = "{} is";  ///< prompt of relations without templates
  bool blank = true;       ///< a blank between prompt and object, where neither has white space
  double agreement = 0.5;  ///< least share of the templates that must assert, (0, 1]
  double min_lift = 0.0;   ///< lift must be larger, nats

  bool trace = true;  ///< look for the blocks that recall the object
  /// Embeddings of the subject's tokens in the trace's corrupted runs: those of the `neutral`
  /// subjects, or with `noise`.
  std::string corruption = "neutral";
  std::int64_t samples = 10;  ///< noises of the trace, or most neutral subjects
  double noise = 3.0;         ///< in standard deviations of the embedding
  std::int64_t window = 1;    ///< blocks whose MLP outputs the trace restores together

  bool relation_map = false;           ///< fit a linear map from subject to object
  std::int64_t map_layer = 1;          ///< depth of the subject's stream, 0 (embeddings) on
  double map_beta = 1.0;               ///< factor of the map's matrix
  std::int64_t map_training = 8;       ///< most subjects it is fitted to; at most half of them
  std::int64_t map_most_width = 1024;  ///< largest d_model that it is computed for

  std::int64_t most_rows = 64;  ///< most rows in one forward; bounds memory, not results
};

/// Asks a model for given facts (subject, relation, object) by prompts that the object would
/// continue, after Petroni et al., arXiv:1909.01066, and says which it asserts, as a graph. With T
/// a template and log p(o | T(s)) the sum over the tokens of the object,
///
///     margin = log p(o | T(s)) - max over the other candidates c of log p(c | T(s))
///     prior  = mean over the neutral subjects n of log p(o | T(n))
///     lift   = log p(o | T(s)) - prior
///
/// A template asserts the fact if margin > 0 and lift > `min_lift`.
class LENSBENCH_API Facts : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Asks for facts.
  ///
  /// - `log_probability`, `prior`, `lift`, `margin` (nats), `template_agreement` [fact]: means over
  ///   the templates, and the share of the templates that assert; `asserted` int8: whether that
  ///   share is at least `agreement`.
  /// - `rank` (of the object's first token in the vocabulary), `candidate_rank` int32 [fact], the
  ///   lower median over the templates; `object_tokens` int32, `length_mismatch` int8: candidates
  ///   have other numbers of tokens; `best_candidate` text, `top_id` int32 (the token that the
  ///   model itself puts first), `settled_layer` int32 (first layer from which on the lens gives
  ///   the object's first token; -1: never), the last two for the first template.
  /// - with `trace`: `peak_block` int32, `peak_effect` [fact, kind], `total_effect` [fact]:
  ///   restorations of `state` and `mlp` at the subject's last token, as in `causal_tracing`, for
  ///   the first template and the object's first token. In the place of the subject's tokens are
  ///   those of a neutral subject, aligned at the end: of a longer one its last tokens, of a
  ///   shorter one its first token again; or there is noise on them.
  /// - `prompt_log_probability`, `prompt_prior`, `prompt_margin` [prompt]: each fact with each
  ///   template; `candidate_log_probability` [candidate_row]: each fact with each candidate, mean
  ///   over templates.
  /// - `subject_node`, `object_node` int32 [fact], `in_degree`, `out_degree` int32 [node]: graph of
  ///   the asserted facts; `asserted_share`, `consistency` [relation_name].
  /// - with `relation_map`: `map_faithfulness`, `map_control_faithfulness`,
  /// `map_training_subjects`,
  ///   `map_held_out_subjects` [relation_name], `map_interval` [relation_name, bound].
  /// \param facts    at least one
  /// \param options  settings of the questions
  /// \throws UsageError for an empty subject, relation or object, a template without `{}` or with
  ///   two, candidates without the object or with nothing else, a fact that is given twice, a fact
  ///   without a neutral subject, an object whose tokens merge with the end of the prompt, a prompt
  ///   that is longer than the model's positions, an option out of range, `relation_map` with a
  ///   wider model or without a relation of two subjects
  virtual Dataset ask(const std::vector<Fact>& facts, const FactsOptions& options = {}) = 0;

  /// Reads facts from JSONL, one object in each line, with the fields `subject`, `relation`,
  /// `object`, `templates`, `candidates`, `neutral`, `inverse`.
  /// \throws InputError with file, line and field for a file that cannot be read, is empty or not
  ///   UTF-8, and for a line that is not such an object
  virtual std::vector<Fact> read(const std::string& file) const = 0;
};

}  // namespace lensbench
