#pragma once

#include <filesystem>
#include <lensbench/experiment.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokenizer.hpp>
#include <string>

#include "session/pictures/picture_fields.hpp"

namespace lensbench {

/// What the text of a prompt with pictures depends on.
struct PromptReader {
  const VisionSpec& tower;
  const Tokenizer& tokenizer;
  const std::filesystem::path& directory;  ///< checkpoint with the chat template
};

/// The whole text of a case with pictures, with one placeholder for each.
/// \throws UsageError for words that have a placeholder of their own, or marks `{image}` that do
/// not
///   fit; InputError for another chat template than that of Qwen2-VL
std::string picture_text(const PromptReader& reader, const CaseInput& input,
                         const CasePictures& asked);

/// Checks the text of a case without pictures. \throws UsageError if it seems to mean some
void check_plain_text(const PromptReader& reader, const CaseInput& input,
                      const CasePictures& asked);

}  // namespace lensbench
