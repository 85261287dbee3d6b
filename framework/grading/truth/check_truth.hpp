#pragma once

#include <lensbench/spec.hpp>
#include <string>

#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Checks that a truth is about a model of this shape and that its tables have one size.
/// \param file  named in messages
/// \throws InputError with file and field
void check_truth(const Truth& truth, const TransformerSpec& spec, const std::string& file);

}  // namespace lensbench::grading
