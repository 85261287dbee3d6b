#include <ATen/TensorOperators.h>

#include <lensbench/error.hpp>
#include <string>
#include <variant>

#include "result.hpp"
#include "steering.hpp"

// Interventions of a cell of a stored result.

namespace lensbench::steering {
namespace {

/// The mode that the attributes of a result name.
SteeringMode stored_mode(const std::string& name) {
  SteeringMode mode = SteeringMode::add;
  for (const SteeringMode one : {SteeringMode::project, SteeringMode::clamp})
    if (name == to_string(one)) mode = one;
  return mode;
}

/// The tokens that the attributes of a result name.
SteeredTokens stored_tokens(const Dataset& result) {
  const std::string& name = std::get<std::string>(result.attributes.at("where"));
  SteeredTokens where;
  for (const SteeredPart one : {SteeredPart::prompt, SteeredPart::generated, SteeredPart::last})
    if (name == to_string(one)) where.part = one;
  for (const std::string& position :
       std::get<std::vector<std::string>>(result.attributes.at("positions")))
    where.positions.push_back(std::stoll(position));
  return where;
}

}  // namespace

std::vector<Intervention> SteeringTool::interventions(const Dataset& result, std::int64_t layer,
                                                      double alpha) const {
  const at::Tensor depths = result["layer"].tensor;
  const at::Tensor found = depths.eq(layer).nonzero();
  if (found.size(0) == 0)
    throw UsageError("steering: the result lacks layer " + std::to_string(layer) +
                     "; give one of its layers");
  if (result["direction"].tensor.dim() != 2)
    throw UsageError("steering: the result has several cases; give that of one case");
  const std::int64_t row = found[0][0].item<std::int64_t>();
  const auto text = [&](const char* name) {
    return std::get<std::string>(result.attributes.at(name));
  };
  const SteeringMode mode = stored_mode(text("mode"));
  const SteeredTokens where = stored_tokens(result);
  const SteeredRun run{.layer = layer,
                       .direction = result["direction"].tensor[row],
                       .amount = alpha * result["alpha_unit"].tensor[row].item<double>(),
                       .unchanged = alpha == 0.0 && mode != SteeringMode::clamp};
  return interventions_of(model().spec(), mode, where, run);
}

}  // namespace lensbench::steering
