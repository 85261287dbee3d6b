#include <lensbench/error.hpp>
#include <lensbench/experiment.hpp>

namespace lensbench {

Experiment::~Experiment() = default;

void Experiment::finish(Summary&) {}

std::int64_t Experiment::passes(const Parameters&) const {
  return 1;
}

std::optional<Dataset> Experiment::partial(const Summary&) const {
  return std::nullopt;
}

Dataset Experiment::combine(const Dataset&, const Dataset&) const {
  throw RunError(
      "experiment: it declares partial statistics, but does not combine them; override "
      "Experiment::combine");
}

}  // namespace lensbench
