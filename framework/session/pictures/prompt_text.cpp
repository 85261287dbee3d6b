#include "session/pictures/prompt_text.hpp"

#include <lensbench/error.hpp>

#include "session/pictures/chat_prompt.hpp"
#include "session/pictures/placeholders.hpp"

// Texts of cases of a model with a vision tower, and mistakes that would give a prompt without the
// picture that was meant.

namespace lensbench {
namespace {

bool has_placeholder(const PromptReader& reader, const std::string& text) {
  return has_placeholder(reader.tower, reader.tokenizer.encode(text, true).ids);
}

}  // namespace

std::string picture_text(const PromptReader& reader, const CaseInput& input,
                         const CasePictures& asked) {
  if (asked.raw) return input.text;
  const std::string subject = "case '" + input.id + "'";
  require_known_template(reader.directory);
  if (has_placeholder(reader, input.text))
    throw UsageError(
        subject +
        ": the prompt has a placeholder of a picture of its own; write {image} instead, "
        "or give the whole text with --raw-prompt");
  return chat_prompt(input.text, asked.images.size(), asked.answer_prefix, subject);
}

void check_plain_text(const PromptReader& reader, const CaseInput& input,
                      const CasePictures& asked) {
  if (input.text.empty()) return;
  if (!asked.raw && has_picture_mark(input.text))
    throw UsageError("case '" + input.id +
                     "': the prompt has a mark {image}, but no picture is given; give one with "
                     "--image, or the text as it is with --raw-prompt");
  if (has_placeholder(reader, input.text))
    throw UsageError(
        "case '" + input.id +
        "': the text has a placeholder of a picture or video, but no picture is given; "
        "give one with --image, or leave the placeholder out");
}

}  // namespace lensbench
