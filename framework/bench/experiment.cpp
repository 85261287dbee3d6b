#include <lensbench/error.hpp>
#include <lensbench/experiment.hpp>

namespace lensbench {

Experiment::~Experiment() = default;

void Experiment::finish(Summary&) {}

/// The defaults of an experiment: one pass, no summary, no partial statistics.
std::int64_t Experiment::passes(const Parameters&) const {
  return 1;
}

std::optional<Dataset> Experiment::partial(const Summary&) const {
  return std::nullopt;
}

/// Partial statistics without a way to combine them would silently lose cases.
Dataset Experiment::combine(const Dataset&, const Dataset&) const {
  throw RunError(
      "experiment: it declares partial statistics, but does not combine them; override "
      "Experiment::combine");
}

}  // namespace lensbench
