#pragma once

#include <string>
#include <vector>

#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// A limit of a kind of tool, seen in these grades.
struct Story {
  std::string title;      ///< `zero ablation and redundancy`
  std::string seen;       ///< where, with numbers
  std::size_t entry = 0;  ///< index into `Grades::entries`
  std::size_t task = 0;   ///< index into `Grades::tasks`
};

/// Stories that happened, each with its clearest example.
std::vector<Story> stories_of(const Grades& grades);

}  // namespace lensbench::grading
