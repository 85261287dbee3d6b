#pragma once

#include <string>

#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// Name of the state of a tool without a score, as archives have it.
const char* state_of(Unscored::Why why);

/// Why a grading has no score at all: every tool that makes a claim refused every model. Empty if
/// there is a score, or a tool answered without one.
std::string refusal_of_all(const Grades& grades);

}  // namespace lensbench::grading
