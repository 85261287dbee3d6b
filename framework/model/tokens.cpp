#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>

#include "checkpoint/tokenizer/formats/foreign_tokenizer.hpp"

namespace lensbench {
namespace {

void require_tokens(const Tokens& tokens) {
  if (tokens.ids.empty())
    throw UsageError("batch: the sequence is empty; it must have at least one token");
}

}  // namespace

/// Batch [1, pos] of one sequence.
TokenBatch make_batch(const Tokens& tokens) {
  require_tokens(tokens);
  TokenBatch batch{at::tensor(tokens.ids, at::kLong).unsqueeze(0), {}};
  if (!tokens.pictures.empty()) batch.pictures = {tokens.pictures};
  return batch;
}

/// Batch [sequence, pos] padded to the longest one, with id 0, which no real token sees.
TokenBatch make_batch(const std::vector<Tokens>& sequences) {
  if (sequences.empty()) throw UsageError("batch: it needs at least one sequence");
  std::int64_t longest = 0, shortest = sequences.front().size();
  for (const Tokens& tokens : sequences) {
    require_tokens(tokens);
    longest = std::max(longest, tokens.size());
    shortest = std::min(shortest, tokens.size());
  }
  const auto rows = static_cast<std::int64_t>(sequences.size());
  // Padding is on the left, so that the last column of every row is its last real token. A batch of
  // equal lengths does not need a mask.
  TokenBatch batch{at::zeros({rows, longest}, at::kLong), {}};
  if (shortest < longest) batch.mask = at::full({rows, longest}, false, at::kBool);
  for (std::int64_t row = 0; row < rows; ++row) {
    const Tokens& tokens = sequences[static_cast<std::size_t>(row)];
    const std::int64_t padding = longest - tokens.size();
    batch.ids[row].narrow(0, padding, tokens.size()).copy_(at::tensor(tokens.ids, at::kLong));
    if (batch.mask.defined()) batch.mask[row].narrow(0, padding, tokens.size()).fill_(true);
    if (tokens.pictures.empty()) continue;
    batch.pictures.resize(sequences.size());
    batch.pictures[static_cast<std::size_t>(row)] = tokens.pictures;
  }
  return batch;
}

namespace {

/// Text of a token for results and messages; `<id>` for models without a tokenizer.
std::string display_text(const Model& model, std::int64_t id) {
  const auto tokenizer = model.tokenizer();
  return tokenizer ? tokenizer->token_text(id) : std::string("<").append(std::to_string(id)) += ">";
}

/// Ids given by a caller. \throws UsageError, unlike ids of a tokenizer, where the checkpoint is at
/// fault
void require_known(const Model& model, const std::vector<std::int64_t>& ids) {
  for (const std::int64_t id : ids)
    if (id < 0 || id >= model.spec().vocab_size)
      throw UsageError("tokens: id " + std::to_string(id) +
                       " is outside the model's vocabulary of " +
                       std::to_string(model.spec().vocab_size) + " tokens");
}

/// Checks that every token has an embedding. An embedding with more rows than tokens is fine.
void require_embedded(const Model& model, const Tokenizer& tokenizer,
                      const std::vector<std::int64_t>& ids) {
  for (const std::int64_t id : ids)
    if (id >= model.spec().vocab_size)
      throw InputError(model.directory().string() + ": the tokenizer gives the id " +
                       std::to_string(id) + " (\"" + tokenizer.token_text(id) +
                       "\"), but vocab_size of config.json is " +
                       std::to_string(model.spec().vocab_size) +
                       "; use the tokenizer this model was trained with");
}

std::vector<std::string> display_texts(const Model& model, const std::vector<std::int64_t>& ids) {
  std::vector<std::string> texts;
  for (const std::int64_t id : ids) texts.push_back(display_text(model, id));
  return texts;
}

/// Tokenizer of a model. \throws UsageError if it lacks one
std::shared_ptr<const Tokenizer> required_tokenizer(const Model& model) {
  const auto tokenizer = model.tokenizer();
  if (tokenizer) return tokenizer;
  if (const auto foreign = explain_foreign_tokenizer(model.directory()); !foreign.empty())
    throw InputError(foreign);
  throw UsageError(model.directory().string() +
                   ": the model lacks a tokenizer; give token ids instead of text");
}

}  // namespace

namespace {

/// Adds or removes the BOS where that is asked for. \return whether the text begins with one
bool begin_as_asked(const Model& model, const Tokenizer& tokenizer, std::optional<bool> prepend_bos,
                    Encoding& encoding) {
  // A tokenizer without a BOS, such as BERT's, may begin with another special token, which counts.
  const bool bos_added = !encoding.ids.empty() && encoding.special.front() &&
                         encoding.ids.front() == tokenizer.bos_id().value_or(encoding.ids.front());
  if (prepend_bos && *prepend_bos && !bos_added) {
    if (!tokenizer.bos_id())
      throw UsageError(model.directory().string() +
                       ": the tokenizer does not have a BOS token; leave out prepend_bos");
    encoding.ids.insert(encoding.ids.begin(), *tokenizer.bos_id());
    return true;
  }
  if (prepend_bos && !*prepend_bos && bos_added) {
    encoding.ids.erase(encoding.ids.begin());
    return false;
  }
  return bos_added;
}

}  // namespace

/// Tokens of a text with the special tokens that the tokenizer adds, as in transformers;
/// `prepend_bos` only corrects the first one afterwards.
Tokens to_tokens(const Model& model, std::string_view text, std::optional<bool> prepend_bos) {
  const auto tokenizer = required_tokenizer(model);
  Encoding encoding = tokenizer->encode(text, true);
  const bool bos_added = begin_as_asked(model, *tokenizer, prepend_bos, encoding);
  if (encoding.ids.empty())
    throw UsageError("prompt: the text gives no tokens; expected at least one");
  require_embedded(model, *tokenizer, encoding.ids);
  Tokens tokens;
  tokens.texts = display_texts(model, encoding.ids);
  tokens.text = text;
  tokens.bos_added = bos_added;
  tokens.ids = std::move(encoding.ids);
  return tokens;
}

Tokens tokens_from_ids(const Model& model, std::vector<std::int64_t> ids) {
  require_known(model, ids);
  Tokens tokens;
  tokens.texts = display_texts(model, ids);
  tokens.ids = std::move(ids);
  return tokens;
}

std::vector<std::string> to_str_tokens(const Model& model, std::string_view text,
                                       std::optional<bool> prepend_bos) {
  return to_tokens(model, text, prepend_bos).texts;
}

std::vector<std::string> to_str_tokens(const Model& model, const std::vector<std::int64_t>& ids) {
  require_known(model, ids);
  return display_texts(model, ids);
}

/// Id of a text that must be one token, such as ` Paris` with its blank. \throws UsageError with
/// the tokens that the text consists of
std::int64_t to_single_token(const Model& model, std::string_view text) {
  const auto tokenizer = required_tokenizer(model);
  const std::vector<std::int64_t> ids = tokenizer->encode(text, false).ids;
  if (ids.empty()) throw UsageError("token: the text is empty; give the text of one token");
  require_embedded(model, *tokenizer, ids);
  if (ids.size() == 1) return ids.front();
  constexpr std::size_t kShown = 12;
  std::string list;
  for (std::size_t i = 0; i < std::min(ids.size(), kShown); ++i)
    list += (i > 0 ? ", '" : "'") + tokenizer->token_text(ids[i]) + "'";
  if (ids.size() > kShown) list += ", …";
  throw UsageError("token '" + std::string(text) + "': the text is " + std::to_string(ids.size()) +
                   " tokens (" + list + "); give the text of one token");
}

}  // namespace lensbench
