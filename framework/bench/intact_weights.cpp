#include "bench/intact_weights.hpp"

#include <lensbench/error.hpp>

#include "core/text/suggest.hpp"
#include "model/weights/weight_versions.hpp"

namespace lensbench {

/// The run ends, since a changed weight cannot be restored and later results would be wrong.
void require_intact_weights(const Model& model, const std::string& culprit) {
  const auto parts = changed_parts_of(model);
  if (parts.empty()) return;
  throw RunError(culprit + ": it changed weights of the model in place (" + join(parts, ", ") +
                 "), which all tools share, so no further result would be right; change a copy "
                 "(clone), or use with_weights");
}

}  // namespace lensbench
