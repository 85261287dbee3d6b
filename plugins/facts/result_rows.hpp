#pragma once

#include "plan.hpp"
#include "result.hpp"

// Parts of a result with axes of their own.

namespace lensbench::facts {

/// Adds where the facts are recalled; nothing without a trace. \param noise  noise on the
/// subject, which has a control
void add_recalls(Dataset& dataset, const Answers& answers, bool noise);
/// Adds each fact with each template.
void add_prompts(Dataset& dataset, const FactsPlan& plan, const Answers& answers);
/// Adds each fact with each candidate, the object first.
void add_candidates(Dataset& dataset, const FactsPlan& plan, const Answers& answers);
/// Adds the facts as edges of a graph.
void add_graph(Dataset& dataset, const FactsPlan& plan, const Answers& answers);
/// Adds the relations, with their linear maps if there are some.
void add_relations(Dataset& dataset, const FactsPlan& plan, const Answers& answers);

}  // namespace lensbench::facts
