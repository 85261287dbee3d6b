#pragma once

#include <lensbench/experiment.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Fields of a case that say which pictures it has.
inline constexpr const char* kImagesField = "images";
/// `true`: the text is the whole text as the model reads it.
inline constexpr const char* kRawPromptField = "raw_prompt";
inline constexpr const char* kAnswerPrefixField = "answer_prefix";

/// What a case says about its pictures.
struct CasePictures {
  std::vector<std::string> images;  ///< files, in order
  bool raw = false;                 ///< the text is the whole text as the model reads it
  std::string answer_prefix;
};

/// Form of a list of files as a field.
std::string images_field(const std::vector<std::string>& files);

/// Takes what a case says about its pictures out of its fields. Without pictures, the field
/// `answer_prefix` is one of the user's own and stays.
/// \throws UsageError for a list that is not one of file names
CasePictures take_pictures(CaseInput& input);

}  // namespace lensbench
