#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// A concept: the probability that the next token is one of a set.
struct Concept {
  std::string name;  ///< label in results
  /// Tokens of the set: ids, vocabulary forms (`Ġretina`) or texts (` retina`). A text of several
  /// tokens stands for its first one, which may begin other words as well.
  std::vector<std::string> forms;
  bool operator==(const Concept&) const = default;  ///< compares all fields
};

/// What `VisionLens` reads.
struct VisionLensOptions {
  std::vector<Concept> concepts = {};     ///< concepts whose probability and rank are reported
  std::int64_t top_k = 5;                 ///< candidates for each layer and token
  std::vector<std::int64_t> layers = {};  ///< layers to decode, 0 to n_layers; empty: all
  std::int64_t every = 1;                 ///< decode every n-th token of each picture
  std::int64_t within = 5;                ///< largest rank that counts for `onset`
  std::vector<std::string> answers = {};  ///< texts whose probability after the prompt is reported
  /// Prompts whose answer is reported in addition to that of the prompt: `no_picture`,
  /// `other_picture` (the next one of the run; left out in a run without another),
  /// `shuffled_patches`.
  std::vector<std::string> controls = {"no_picture", "other_picture", "shuffled_patches"};
  bool residual = false;  ///< also the stream itself at the tokens of pictures
  /// Also the tower lens: the merger on the tower's stream after some of its blocks, for which it
  /// was not trained, and what layer 0 would decode to.
  bool tower = false;
  /// Layers of the tower to decode with `tower`, 0 to the number of its blocks; empty: all.
  std::vector<std::int64_t> tower_layers = {};
  bool operator==(const VisionLensOptions&) const = default;  ///< compares all fields
};

/// Logit lens of a vision-language model at the tokens of its pictures and at the position that
/// answers: what each layer decodes to, and how probable concepts are there.
class LENSBENCH_API VisionLens : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "2";

  /// Decodes the tokens of all pictures of a prompt and its last position. Layer 0 is the stream
  /// that enters the first block, at a picture the output of the merger. Probabilities are over the
  /// whole vocabulary.
  ///
  /// - `concept_log_probability` [layer, image_token, concept], nats: ln of the summed probability
  ///   of the tokens of the concept. `concept_rank`: 1 + tokens with a strictly larger logit than
  ///   its best token.
  /// - `top_id`, `top_probability` [layer, image_token, rank]: best first, ties by smaller id.
  /// - `entropy` [layer, image_token], nats.
  /// - `answer_concept_log_probability`, `answer_concept_rank` [layer, concept], `answer_top_id`,
  ///   `answer_top_probability` [layer, rank], `answer_entropy`, `answer_kl_final_to_layer`
  ///   [layer], nats: the same at the last position, where KL is from the model's own distribution.
  /// - `onset` [concept]: first layer from which on the answer's `answer_concept_rank` is at most
  ///   `within`; -1: none.
  /// - `control_log_probability`, `control_rank` [control, layer, concept] and `control_onset`
  ///   [control, concept]: the same for the controls.
  /// - `continuation_log_probability` [layer, continuation], nats: sum of ln p of the tokens of
  /// each
  ///   answer after the prompt. `continuation_share`: softmax over the answers.
  /// - `residual` [layer, image_token, d_model]: the stream.
  /// - `tower_concept_log_probability`, `tower_concept_rank` [tower_layer, image_token, concept],
  ///   `tower_top_id`, `tower_top_probability` [tower_layer, image_token, rank], `tower_entropy`
  ///   [tower_layer, image_token]: the same as without `tower_`, of the tower lens.
  ///
  /// Coordinates of `image_token`: `position`, `image`, `row`, `column`, and with the size of the
  /// picture `x0`, `y0`, `x1`, `y1`, pixels of the upright picture. `concept_token` lists the
  /// tokens of the concepts: `token_concept`, `token_id`, `token_text`, `token_form`,
  /// `begins_form` (1: the form has more tokens).
  /// Attributes: the options by their names.
  /// \param tokens    prompt with its pictures
  /// \param options   what to read
  /// \param pictures  files of the pictures, for the rectangles; empty: not known
  /// \throws UsageError for a prompt without pictures, a concept whose first token is a blank or a
  ///   part of a character, layers or numbers out of range
  virtual Dataset analyze(const Tokens& tokens, const VisionLensOptions& options = {},
                          const std::vector<Picture>& pictures = {}) = 0;

  /// Decodes only the last position of any prompt, pictures or not: the variables of `analyze`
  /// without `image_token`.
  /// \throws as `analyze`
  virtual Dataset answer(const Tokens& tokens, const VisionLensOptions& options = {}) = 0;
};

}  // namespace lensbench
