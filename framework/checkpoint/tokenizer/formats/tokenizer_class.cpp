#include "checkpoint/tokenizer/formats/tokenizer_class.hpp"

#include <lensbench/error.hpp>

#include "checkpoint/tokenizer/formats/class_names.hpp"

// Class of transformers for a folder. Folders state classes that are wrong, missing or older than
// their files, and transformers has rules and exceptions for these cases; they are followed here
// one by one, since the class decides the ids.

namespace lensbench {
namespace {

constexpr std::string_view kAsStored = "TokenizersBackend";

/// Names with and without the ending `Fast` mean one class.
std::string without_fast(std::string name) {
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

/// Classes without rules of their own.
bool is_plain(std::string_view name) {
  return name == kAsStored || name == "MistralCommonBackend";
}

/// A class with rules that are not known here would give other ids than the reference.
[[noreturn]] void refuse(const TokenizerSettings& settings, const std::string& name) {
  throw InputError(
      settings.config_file() + ": field tokenizer_class: transformers builds '" + name +
      "' by rules of its own, which are not supported; store what it builds with python3 -c \"from "
      "transformers import AutoTokenizer as T; "
      "T.from_pretrained('FOLDER').backend_tokenizer.save('FOLDER/tokenizer.json')\" and set "
      "tokenizer_class to \"PreTrainedTokenizerFast\", or give token ids");
}

/// The class that is taken for a stated or registered name. Without one, tokenizer.json is taken as
/// it is.
const TokenizerClass* taken_for(const TokenizerSettings& settings, const std::string& name) {
  if (is_refused_class(name)) refuse(settings, name);
  return find_tokenizer_class(class_taken_for(name));
}

}  // namespace

// Follows AutoTokenizer.from_pretrained of transformers 5.24, branch by branch.
const TokenizerClass* tokenizer_class_of(const TokenizerSettings& settings, bool byte_level) {
  // Three sources: the tokenizer's settings, the model's configuration, and the type of the model.
  const std::string own = without_fast(settings.tokenizer_class());
  const std::string of_model = without_fast(settings.model_tokenizer_class());
  const std::string& stated = own.empty() ? of_model : own;
  const std::string registered(class_of_model_type(settings.model_type()));
  const bool wrong =
      states_wrong_class(settings.model_type()) || states_wrong_class(settings.model_name());
  if (!settings.has_own_code()) {
    // Llama 3 folders state LlamaTokenizer, whose rules are those of Llama 2.
    if (stated == "LlamaTokenizer" && registered != "MistralCommonBackend" && !wrong && byte_level)
      return nullptr;
    // A contradiction between the stated class and that of the model type.
    if (!stated.empty() && !registered.empty() && registered != stated) {
      if (is_plain(registered)) return nullptr;
      return taken_for(settings, wrong ? registered : stated);
    }
    // The class is code in the folder, which is never run; only a class that transformers knows as
    // well can take its place.
  } else if (!wrong && registered.empty() && class_taken_for(own).empty() &&
             !is_refused_class(own)) {
    throw InputError(settings.config_file() +
                     ": field auto_map: the folder's own tokenizer class is Python code, which is "
                     "not run; save the tokenizer as tokenizer.json and remove auto_map, or give "
                     "token ids");
  }
  if (!stated.empty()) return taken_for(settings, stated);
  return is_plain(registered) ? nullptr : taken_for(settings, registered);
}

}  // namespace lensbench
