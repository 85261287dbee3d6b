// Effects that TransformerLens finds in planted models
// (tests/parity/planted_effects_reference.py), against the truth of models that are planted now.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "grading/plant/plant.hpp"
#include "support/folders.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::grading {
namespace {

using nlohmann::json;

void expect_effects(const Task& task, const json& peer, const std::string& where) {
  ASSERT_EQ(task.prompts.size(), peer["ids"].size()) << where;
  for (std::size_t i = 0; i < task.prompts.size(); ++i)
    ASSERT_EQ(task.prompts[i].ids, peer["ids"][i].get<std::vector<std::int64_t>>())
        << where << ": other prompts; run the script";
  ASSERT_EQ(task.effects->components, peer["components"].get<std::vector<std::string>>()) << where;
  // Both are in float64 from the same float32 weights.
  const double tolerance = 1e-4 * std::abs(gap_of(task));
  for (const auto& [name, table] : peer["effects"].items()) {
    const Table& ours = task.effects->values.at(name);
    for (std::size_t c = 0; c < ours.size(); ++c)
      for (std::size_t p = 0; p < ours[c].size(); ++p)
        EXPECT_NEAR(ours[c][p], table[c][p].get<double>(), tolerance)
            << where << ": " << name << " of " << task.effects->components[c] << ", prompt " << p;
  }
}

TEST(PlantedEffects, AreThoseOfTransformerLens) {
  const json stored = json::parse(
      testing::slurp(testing::source_folder() + "/tests/data/grading/planted_effects.json"));
  for (const json& model : stored["models"]) {
    const testing::TempDir folder;
    PlantRequest plant;
    plant.kind = model["kind"].get<std::string>();
    plant.seed = model["seed"].get<std::int64_t>();
    plant.gauge = model["gauge"] == "rotated" ? Gauge::rotated : Gauge::aligned;
    plant.prompts = model["prompts"].get<std::int64_t>();
    plant.edges = false;
    const Truth truth = grading::plant(plant, folder.path());
    ASSERT_EQ(truth.tasks.size(), model["tasks"].size());
    for (std::size_t i = 0; i < truth.tasks.size(); ++i)
      expect_effects(truth.tasks[i], model["tasks"][i], plant.kind + "/" + truth.tasks[i].name);
  }
}

}  // namespace
}  // namespace lensbench::grading
