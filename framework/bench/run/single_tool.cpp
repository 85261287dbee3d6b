#include "bench/run/single_tool.hpp"

#include <utility>

#include "bench/access/slot_access.hpp"
#include "bench/results/result_check.hpp"

namespace lensbench {

Request request_of(const Tool& tool, const Case& c) {
  return tool.reads_prompts() ? c.request(c.parameters())
                              : Request(Tokens{}, c.parameters()).set_seed(c.seed());
}

void SingleTool::check_parameters(const Parameters& parameters, const Model&) {
  slot_->check_parameters(parameters);
}

void SingleTool::run(Case& c) {
  save(c, slot_->run(request_of(*slot_, c)));
}

bool SingleTool::takes_batches() const {
  return (*slot_).takes_batches();
}

std::vector<Dataset> SingleTool::run_batch(const std::vector<std::unique_ptr<Case>>& cases) {
  std::vector<Request> requests;
  requests.reserve(cases.size());
  for (const auto& c : cases) requests.push_back(request_of(*slot_, *c));
  return slot_->run_batch(requests);
}

void SingleTool::save(Case& c, Dataset result) const {
  check_result(result, "tool '" + SlotAccess::tool_name(slot_) + "' returned a malformed dataset");
  c.save(SlotAccess::tool_name(slot_), std::move(result));
}

}  // namespace lensbench
