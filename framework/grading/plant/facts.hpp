#pragma once

#include <functional>
#include <string>
#include <vector>

#include "grading/plant/fillers.hpp"
#include "grading/plant/plan.hpp"

// What the kinds `fact` and `fact_llama` share: subjects with a value for each relation, and
// prompts that ask for one.

namespace lensbench::grading {

inline constexpr std::int64_t kSubjects = 5, kRelations = 2, kFactFillers = 4, kValues = 6;
inline constexpr std::int64_t kFirstRelation = 1 + kSubjects,
                              kFirstFiller = kFirstRelation + kRelations;
inline constexpr std::int64_t kFirstValue = kFirstFiller + kFactFillers,
                              kFactTokens = kFirstValue + kValues;
inline constexpr std::int64_t kFactPositions = 8, kFactAsked = 7;

struct Facts {
  std::vector<std::int64_t> value[kRelations];  ///< of each subject
  std::int64_t guess[kRelations] = {};          ///< value that is guessed from the relation alone
};

/// Random values: at least three of each relation, and two different ones of each subject. The
/// guess is right for at least two subjects, and differs between relations, so that it matters.
Facts draw_facts(Philox& random);

/// A model of facts in which two MLPs store the values of each subject, the MLP of the first block
/// guesses from the relation alone, and that of the fourth erases the guess.
struct FactModel {
  Wiring w;
  Facts facts;
  FillerSpaces spaces;
  Space tokens;
  Space stored[kRelations];  ///< values at the subject
  Space moved;               ///< values at the last position
  Space out;                 ///< value that is answered

  FactModel(const WiringSizes& sizes, std::int64_t moved_values, const PlanRequest& request,
            Philox& random);

  Space subjects() const { return {tokens[1], kSubjects}; }
  Terms asked(std::int64_t relation) const { return {{tokens[kFirstRelation + relation]}}; }

  /// Adds what suppresses and what misleads, and the tasks `subject_swap` and `relation_swap`.
  /// \param change  what only this model says of a task
  Plan finish(std::string summary, const PlanRequest& request, Philox& random,
              const std::function<void(PlannedTask&, bool swap_relation)>& change);
};

}  // namespace lensbench::grading
