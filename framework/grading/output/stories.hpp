#pragma once

#include <string>
#include <vector>

#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// A limit of a kind of tool, seen in these grades.
struct Story {
  std::string title;  ///< `zero ablation and redundancy`
  std::string seen;   ///< where, with numbers
};

/// Stories that happened, each with its clearest example.
std::vector<Story> stories_of(const Grades& grades);

}  // namespace lensbench::grading
