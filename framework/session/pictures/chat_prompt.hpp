#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace lensbench {

/// Checks that the chat template of a checkpoint is the one that `chat_prompt` follows.
/// \throws InputError if it is missing or another one
void require_known_template(const std::filesystem::path& directory);

/// Whether words of a user say where a picture is: `{image}`.
bool has_picture_mark(std::string_view words);

/// What the chat template of Qwen2-VL makes of one message of a user, with one placeholder for each
/// picture.
/// \param words          text, with the pictures before it or at `{image}`
/// \param pictures       number of pictures
/// \param answer_prefix  beginning of the answer
/// \param subject        for messages: `case 'prompt-1'`
/// \throws UsageError if there are marks `{image}`, but not one for each picture
std::string chat_prompt(std::string_view words, std::size_t pictures,
                        std::string_view answer_prefix, const std::string& subject);

}  // namespace lensbench
