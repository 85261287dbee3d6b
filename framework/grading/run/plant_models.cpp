#include "grading/run/plant_models.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <mutex>

#include "core/text/suggest.hpp"
#include "grading/run/workers.hpp"
#include "model/runtime/parallel.hpp"

namespace lensbench::grading {
namespace {

/// A kind may come from an archive, and names a folder.
void require_kind(const std::string& kind) {
  std::vector<std::string> names;
  for (const PlantKind& known : plant_kinds()) names.push_back(known.name);
  if (std::find(names.begin(), names.end(), kind) == names.end())
    throw UsageError("planted model: kind '" + kind + "' is not known" + suggest(kind, names));
}

}  // namespace

std::vector<PlantRequest> planted_kinds(const std::vector<std::string>& kinds,
                                        const std::vector<std::int64_t>& seeds) {
  std::vector<std::string> names = kinds;
  if (kinds.empty())
    for (const PlantKind& kind : plant_kinds()) names.push_back(kind.name);
  for (const std::string& name : names) require_kind(name);
  std::vector<PlantRequest> planted;
  planted.reserve(seeds.size() * names.size());
  for (const std::int64_t seed : seeds)
    for (const std::string& name : names) {
      PlantRequest plant;
      plant.kind = name;
      plant.seed = seed;
      plant.gauge = Gauge::rotated;
      plant.edges = false;
      planted.push_back(std::move(plant));
    }
  return planted;
}

void plant_models(GradeRequest& request, const std::filesystem::path& folder,
                  const GradeListener& listener) {
  for (const PlantRequest& plant : request.planted) require_kind(plant.kind);
  request.models.clear();
  for (const PlantRequest& plant : request.planted) {
    std::filesystem::path place = folder / (plant.kind + "-" + std::to_string(plant.seed));
    // Two of one kind and seed differ in gauge or prompts.
    for (int n = 2; std::filesystem::exists(place); ++n)
      place = folder / (plant.kind + "-" + std::to_string(plant.seed) + "-" + std::to_string(n));
    std::filesystem::create_directory(place);
    request.models.push_back(place);
  }
  std::mutex asks_listener;
  const auto plant_one = [&](std::int64_t number) {
    const auto i = static_cast<std::size_t>(number);
    {
      const std::lock_guard lock(asks_listener);
      if (listener.should_stop()) throw RunError("grade: stopped while models were planted");
    }
    grading::plant(request.planted[i], request.models[i]);
  };
  for_each_on_threads(worker_count(request), std::ssize(request.planted), plant_one);
}

}  // namespace lensbench::grading
