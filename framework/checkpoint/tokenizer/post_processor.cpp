#include "checkpoint/tokenizer/post_processor.hpp"

#include <algorithm>

#include "checkpoint/tokenizer/models/byte_alphabet.hpp"
#include "core/text/utf8.hpp"

// Post-processors: special tokens around the text and adjusted offsets. Templates for pairs of
// texts are not read, since lensbench encodes one text at a time.

namespace lensbench {
namespace {

/// Adds special tokens before and after the text.
class Template final : public PostProcessor {
 public:
  Template(std::vector<std::int64_t> prefix, std::vector<std::int64_t> suffix)
      : prefix_(std::move(prefix)), suffix_(std::move(suffix)) {}

  void process(std::vector<EncodedToken>& tokens, std::string_view, bool add) const override {
    if (!add) return;
    tokens.insert(tokens.begin(), prefix_.size(), {});
    for (std::size_t i = 0; i < prefix_.size(); ++i) tokens[i] = {prefix_[i], {}, {}, true};
    for (const std::int64_t id : suffix_) tokens.push_back({id, {}, {}, true});
  }
  std::vector<std::int64_t> prefix() const override { return prefix_; }
  std::vector<std::int64_t> suffix() const override { return suffix_; }

 private:
  std::vector<std::int64_t> prefix_, suffix_;
};

struct Margins {
  std::size_t leading = 0, trailing = 0;  // number of white-space characters at each end of a token
};

/// White space of a token in its vocabulary form, in which a space may be another character.
Margins white_space_margins(std::string_view form) {
  std::vector<bool> white;
  for (std::size_t at = 0; at < form.size();) {
    const Utf8Unit unit = read_utf8(form.substr(at));
    white.push_back(unit.character == byte_to_character(' ') || is_white_space(unit.character));
    at += unit.length;
  }
  const auto leading = std::ranges::find(white, false) - white.begin();
  const auto trailing = std::find(white.rbegin(), white.rend(), false) - white.rbegin();
  return {static_cast<std::size_t>(leading), static_cast<std::size_t>(trailing)};
}

/// Excludes white space from the offsets of byte-level tokens, except the space that the tokenizer
/// added before the text.
class TrimOffsets final : public PostProcessor {
 public:
  explicit TrimOffsets(bool add_prefix_space) : add_prefix_space_(add_prefix_space) {}

  void process(std::vector<EncodedToken>& tokens, std::string_view text, bool) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) trim(tokens[i], text, i == 0);
  }

 private:
  void trim(EncodedToken& token, std::string_view text, bool first) const {
    Margins margins = white_space_margins(token.form);
    Span& source = token.source;
    // The space that the pre-tokenizer added is not in the text, so there is nothing to skip.
    if ((first || source.begin == 0) && add_prefix_space_ && margins.leading == 1)
      margins.leading = 0;
    for (; margins.leading > 0 && source.begin < source.end; --margins.leading)
      source.begin += utf8_length(text[source.begin]);
    // From the end backwards over whole characters.
    for (; margins.trailing > 0 && source.end > source.begin; --margins.trailing) do
        --source.end;
      while (source.end > source.begin &&
             (static_cast<unsigned char>(text[source.end]) & 0xC0) == 0x80);
  }

  bool add_prefix_space_;
};

class SequencePostProcessor final : public PostProcessor {
 public:
  explicit SequencePostProcessor(std::vector<std::unique_ptr<const PostProcessor>> steps)
      : steps_(std::move(steps)) {}

  void process(std::vector<EncodedToken>& tokens, std::string_view text, bool add) const override {
    for (const auto& step : steps_) step->process(tokens, text, add);
  }
  /// A later step adds its tokens outside of those of the earlier ones.
  std::vector<std::int64_t> prefix() const override {
    std::vector<std::int64_t> all;
    for (const auto& step : steps_) {
      auto before = step->prefix();
      all.insert(all.begin(), before.begin(), before.end());
    }
    return all;
  }
  std::vector<std::int64_t> suffix() const override {
    std::vector<std::int64_t> all;
    for (const auto& step : steps_) std::ranges::copy(step->suffix(), std::back_inserter(all));
    return all;
  }

 private:
  std::vector<std::unique_ptr<const PostProcessor>> steps_;
};

/// A file whose template and vocabulary disagree about an id would give tokens that neither means.
void check_id(const JsonReader& field, const std::string& token, std::int64_t id,
              const TokenLookup& lookup) {
  const auto known = lookup(token);
  if (!known) field.fail("the special token \"" + token + "\" is not in the vocabulary");
  if (*known != id)
    field.fail("the special token \"" + token + "\" has the id " + std::to_string(id) +
               " here and " + std::to_string(*known) + " in the vocabulary");
}

/// Ids of one special token of a template.
std::vector<std::int64_t> special_ids(const JsonReader& piece, const JsonReader& specials,
                                      const TokenLookup& lookup) {
  const JsonReader name = piece.at("id");
  const auto entry = specials.find(name.string());
  if (!entry) name.fail("\"" + name.string() + "\" is missing in the template's special_tokens");
  const JsonReader ids = entry->at("ids"), tokens = entry->at("tokens");
  if (ids.size() != tokens.size()) ids.fail("expected one id per token");
  std::vector<std::int64_t> result;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    result.push_back(ids.at(i).integer({0, INT64_MAX}));
    check_id(ids.at(i), tokens.at(i).string(), result.back(), lookup);
  }
  return result;
}

/// Template of one text: special tokens before and after the sequence A.
std::unique_ptr<const PostProcessor> read_template(const JsonReader& field,
                                                   const TokenLookup& lookup) {
  const JsonReader single = field.at("single"), specials = field.at("special_tokens");
  std::vector<std::int64_t> prefix, suffix;
  int sequences = 0;
  for (std::size_t i = 0; i < single.size(); ++i) {
    const JsonReader piece = single.at(i);
    if (const auto special = piece.find("SpecialToken")) {
      // Tokens before the sequence are its prefix, those after it its suffix.
      std::ranges::copy(special_ids(*special, specials, lookup),
                        std::back_inserter(sequences == 0 ? prefix : suffix));
    } else if (piece.at("Sequence").at("id").string() == "A") {
      ++sequences;
    } else {
      piece.fail("a template of one text may refer to the sequence A only");
    }
  }
  if (sequences != 1) single.fail("a template of one text must contain the sequence A once");
  return std::make_unique<Template>(std::move(prefix), std::move(suffix));
}

/// Reads a token and its id in the form `["<s>", 0]`.
std::int64_t read_named_id(const JsonReader& field, const TokenLookup& lookup) {
  if (field.size() != 2) field.fail("expected a token and its id");
  const std::int64_t id = field.at(1).integer({0, INT64_MAX});
  check_id(field, field.at(std::size_t{0}).string(), id, lookup);
  return id;
}

/// BERT's and RoBERTa's processing: `cls` before and `sep` after the text.
std::unique_ptr<const PostProcessor> read_cls_sep(const JsonReader& field, bool trims,
                                                  const TokenLookup& lookup) {
  return roberta_post_processor(
      {read_named_id(field.at("cls"), lookup)}, {read_named_id(field.at("sep"), lookup)},
      trims && field.boolean_or("trim_offsets", true), field.boolean_or("add_prefix_space", true));
}

}  // namespace

std::unique_ptr<const PostProcessor> roberta_post_processor(std::vector<std::int64_t> cls,
                                                            std::vector<std::int64_t> sep,
                                                            bool trim_offsets,
                                                            bool add_prefix_space) {
  auto around = template_post_processor(std::move(cls), std::move(sep));
  if (!trim_offsets) return around;
  // Offsets are adjusted before tokens without offsets are added.
  std::vector<std::unique_ptr<const PostProcessor>> steps;
  steps.push_back(std::make_unique<TrimOffsets>(add_prefix_space));
  steps.push_back(std::move(around));
  return std::make_unique<SequencePostProcessor>(std::move(steps));
}

std::unique_ptr<const PostProcessor> template_post_processor(std::vector<std::int64_t> prefix,
                                                             std::vector<std::int64_t> suffix) {
  return std::make_unique<Template>(std::move(prefix), std::move(suffix));
}

namespace {

std::unique_ptr<const PostProcessor> read_processors(const JsonReader& processors,
                                                     const TokenLookup& lookup) {
  std::vector<std::unique_ptr<const PostProcessor>> steps;
  for (std::size_t i = 0; i < processors.size(); ++i)
    steps.push_back(read_post_processor(processors.at(i), lookup));
  return std::make_unique<SequencePostProcessor>(std::move(steps));
}

}  // namespace

std::unique_ptr<const PostProcessor> read_post_processor(const JsonReader& field,
                                                         const TokenLookup& lookup) {
  const JsonReader kind = field.at("type");
  const std::string& type = kind.string();
  if (type == "TemplateProcessing") return read_template(field, lookup);
  if (type == "BertProcessing") return read_cls_sep(field, false, lookup);
  if (type == "RobertaProcessing") return read_cls_sep(field, true, lookup);
  if (type == "ByteLevel") {
    if (field.boolean_or("trim_offsets", true))
      return std::make_unique<TrimOffsets>(field.boolean_or("add_prefix_space", true));
    return template_post_processor({}, {});
  }
  if (type == "Sequence") return read_processors(field.at("processors"), lookup);
  kind.fail("the post-processor '" + type +
            "' is not supported (TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing "
            "and Sequence are)");
}

}  // namespace lensbench
