#pragma once

#include <string_view>

namespace lensbench {

// Names of tokenizer classes in `transformers`, without the ending `Fast`. They say how a folder is
// read: `TokenizersBackend` takes tokenizer.json as it is, each other class builds the tokenizer
// from the vocabulary and rules of its own.

/// Class that `transformers` takes for a stated class; empty for a name that it does not know and
/// for a class that this program does not build.
std::string_view class_taken_for(std::string_view stated);

/// Whether `transformers` has a class of this name that this program does not build.
bool is_refused_class(std::string_view stated);

/// Class that is registered for a `model_type`; empty for an unknown one.
std::string_view class_of_model_type(std::string_view model_type);

/// Whether the class that folders of this model type state is known to be wrong, so that the
/// registered one counts.
bool states_wrong_class(std::string_view model_type);

}  // namespace lensbench
