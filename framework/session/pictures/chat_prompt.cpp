#include "session/pictures/chat_prompt.hpp"

#include <lensbench/error.hpp>
#include <optional>

#include "core/files/regular_file.hpp"
#include "core/text/json.hpp"

// The chat template of Qwen2-VL and Qwen2.5-VL. Templates are programs in Jinja, which are not run:
// the one that is known has a known result, and every other one is refused.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// The template of both families as it is published.
constexpr std::string_view kTemplate =
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}"
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}"
    "{{ message['content'] }}<|im_end|>\n{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}"
    "Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] == 'video' or 'video' in "
    "content %}"
    "{% set video_count.value = video_count.value + 1 %}{% if add_vision_id %}"
    "Video {{ video_count.value }}: {% endif %}"
    "<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content %}"
    "{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

constexpr std::string_view kMark = "{image}";
constexpr std::string_view kPicture = "<|vision_start|><|image_pad|><|vision_end|>";
constexpr std::uint64_t kMostTemplateBytes = std::uint64_t{1} << 20U;
constexpr JsonLimits kTemplateLimits = {.max_bytes = std::size_t{64} << 20U};

/// A template, and the file that has it.
struct FoundTemplate {
  fs::path file;
  std::string text;
};

/// A template in a field of a JSON file: a text, or a list of texts with names.
std::optional<std::string> template_in(const fs::path& file) {
  const nlohmann::json all = read_json(file, kTemplateLimits);
  const auto field = all.is_object() ? all.find("chat_template") : all.end();
  if (field == all.end()) return std::nullopt;
  if (field->is_string()) return field->get<std::string>();
  if (!field->is_array()) return std::nullopt;
  for (const nlohmann::json& one : *field)
    if (one.is_object() && one.value("name", nlohmann::json()) == "default")
      if (const auto text = one.find("template"); text != one.end() && text->is_string())
        return text->get<std::string>();
  return std::nullopt;
}

/// The template that transformers would use: of several files the first one counts.
std::optional<FoundTemplate> find_template(const fs::path& directory) {
  std::error_code error;
  if (const fs::path file = directory / "chat_template.jinja"; fs::exists(file, error))
    return FoundTemplate{file, read_regular_file(file, kMostTemplateBytes)};
  for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
    const fs::path file = directory / name;
    if (!fs::exists(file, error)) continue;
    if (auto text = template_in(file)) return FoundTemplate{file, std::move(*text)};
  }
  return std::nullopt;
}

std::string_view without_end(std::string_view text) {
  const auto last = text.find_last_not_of(" \n\r\t");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::size_t marks_in(std::string_view words) {
  std::size_t count = 0;
  for (auto at = words.find(kMark); at != std::string_view::npos;
       at = words.find(kMark, at + kMark.size()))
    ++count;
  return count;
}

std::string number_of(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// The user's words with the placeholders of the pictures.
std::string with_placeholders(std::string_view words, std::size_t pictures,
                              const std::string& subject) {
  const std::size_t marks = marks_in(words);
  if (marks > 0 && marks != pictures)
    throw UsageError(
        subject + ": the prompt has " + number_of(marks, "mark") + " {image}, but " +
        number_of(pictures, "picture") + (pictures == 1 ? " is" : " are") +
        " given; give one mark for each picture, or none to have them before the text");
  std::string text;
  if (marks == 0)
    for (std::size_t i = 0; i < pictures; ++i) text += kPicture;
  for (std::size_t at = 0; at < words.size();) {
    const auto mark = marks == 0 ? std::string_view::npos : words.find(kMark, at);
    text += words.substr(at, mark == std::string_view::npos ? mark : mark - at);
    if (mark == std::string_view::npos) break;
    text += kPicture;
    at = mark + kMark.size();
  }
  return text;
}

}  // namespace

void require_known_template(const fs::path& directory) {
  const std::string way_out = "; give the whole text as the model reads it with --raw-prompt";
  const auto found = find_template(directory);
  if (!found)
    throw InputError(directory.string() +
                     ": the checkpoint lacks a chat template, so that the text around a picture is "
                     "not known" +
                     way_out);
  if (without_end(found->text) != without_end(kTemplate))
    throw InputError(found->file.string() +
                     ": the chat template differs from the one of Qwen2-VL and Qwen2.5-VL, and "
                     "lensbench does not guess what it makes of a prompt" +
                     way_out);
}

bool has_picture_mark(std::string_view words) {
  return marks_in(words) > 0;
}

std::string chat_prompt(std::string_view words, std::size_t pictures,
                        std::string_view answer_prefix, const std::string& subject) {
  return "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n" +
         with_placeholders(words, pictures, subject) + "<|im_end|>\n<|im_start|>assistant\n" +
         std::string(answer_prefix);
}

}  // namespace lensbench
