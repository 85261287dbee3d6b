#include <algorithm>
#include <exception>
#include <lensbench/experiment.hpp>

#include "bench/result_check.hpp"
#include "bench/result_name.hpp"

namespace lensbench {
namespace {

Tokens tokens_of(const CaseInput& input, const Model& model) {
  return input.ids.empty() ? to_tokens(model, input.text) : tokens_from_ids(model, input.ids);
}

}  // namespace

void check_result_name(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  const bool good = !name.empty() && name.size() <= 128 && is_letter(name.front()) &&
                    std::all_of(name.begin(), name.end(), [&](char c) {
                      return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
                    });
  if (!good)
    throw UsageError("result name '" + name +
                     "': use a letter, then letters, digits and underscores, at most 128 in all");
}

Case::Case(std::int64_t index, const CaseInput& input, Context& context,
           const Parameters& parameters)
    : index_(index),
      input_(input),
      context_(context),
      parameters_(parameters),
      tokens_(tokens_of(input, context.model())) {}

Target Case::target() const {
  if (const auto own = field("target")) return parse_target(model(), *own);
  const auto& values = parameters_.values();
  const auto common = values.find("target");
  if (common != values.end() && !common->second.empty())
    return parse_target(model(), common->second);
  return Target::model();
}

std::optional<std::string> Case::field(const std::string& name) const {
  const auto found = input_.fields.find(name);
  return found == input_.fields.end() ? std::nullopt : std::optional(found->second);
}

void Case::save(const std::string& name, Dataset dataset) {
  check_result_name(name);
  check_result(dataset, "dataset '" + name + "'");
  if (!saved_.emplace(name, std::move(dataset)).second)
    throw SaveError("case '" + id() + "' saved '" + name +
                    "' twice; give each dataset its own name");
}

Summary::~Summary() = default;

ToolMeter::~ToolMeter() = default;

ToolSlot::ToolSlot(Experiment* owner, std::string tool_name)
    : owner_(owner), tool_name_(std::move(tool_name)) {
  owner->slots_.push_back(this);
}

ToolSlot::~ToolSlot() = default;

ToolCall::ToolCall(const ToolSlot& slot)
    : slot_(slot), meter_(slot.meter_), exceptions_before_(std::uncaught_exceptions()) {
  slot_.owner_->failed_tools_.clear();
  if (meter_ != nullptr) meter_->begin(slot_.tool_name_);
}

ToolCall::~ToolCall() {
  if (meter_ != nullptr) meter_->end();
  if (std::uncaught_exceptions() > exceptions_before_)
    slot_.owner_->failed_tools_.push_back(slot_.tool_name_);
}

Experiment::~Experiment() = default;

void Experiment::finish(Summary&) {}

}  // namespace lensbench
