#pragma once

#include <lensbench/model.hpp>
#include <lensbench/parameters.hpp>
#include <string>
#include <vector>

#include "archive/run/run_plan.hpp"

namespace lensbench {

/// Sentences about a run that its user should know and its archive keeps: cases longer than the
/// positions that the model was made for, which factors of a rotary scaling each case uses, and,
/// if the run generates tokens (a parameter `max_new_tokens` above 0), the settings of
/// generation_config.json that are not followed; and models of parameters, on which interventions
/// do not act.
std::vector<std::string> notes_on_run(const Model& model, const Parameters& parameters,
                                      const std::vector<CasePlan>& cases,
                                      std::size_t interventions = 0);

}  // namespace lensbench
