#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/model.hpp>
#include <memory>
#include <numeric>
#include <string>

#include "checkpoint/checkpoint.hpp"
#include "grading/check/check_planted.hpp"
#include "grading/plant/plant.hpp"
#include "grading/truth/truth_file.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {

/// A planted model in a folder of its own, with its truth.
struct Planted {
  TempDir folder;
  grading::Truth truth;
  std::shared_ptr<const Model> model;

  explicit Planted(const std::string& kind, grading::Gauge gauge = grading::Gauge::aligned,
                   std::int64_t seed = 1) {
    grading::PlantRequest request;
    request.kind = kind;
    request.gauge = gauge;
    request.seed = seed;
    request.prompts = 6;
    request.edges = false;
    truth = plant(request, folder.path());
    model = Model::open(folder.path().string());
  }

  grading::ExactModel exact() const { return grading::read_exact_model(Checkpoint(folder.path())); }
  grading::CheckedTruth check() const {
    return check_planted(grading::read_truth(folder.path()), exact());
  }

  /// Name of the head or MLP that has a role.
  std::string component(const std::string& role) const {
    for (const grading::Role& component : truth.components)
      if (component.kind != "attention" &&
          ("+" + component.role + "+").find("+" + role + "+") != std::string::npos)
        return component.name;
    ADD_FAILURE() << "no component is " << role;
    return "";
  }

  /// Share of the gap, mean over prompts, that the component with a role has.
  double share_of(const grading::Task& task, const std::string& role,
                  const std::string& effect) const {
    const auto& names = task.effects->components;
    const auto at = std::find(names.begin(), names.end(), component(role)) - names.begin();
    const auto& values = task.effects->values.at(effect).at(static_cast<std::size_t>(at));
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()) /
           grading::gap_of(task);
  }
};

}  // namespace lensbench::testing
