#include "bench/parameter_check.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/target.hpp>

namespace lensbench {
namespace {

/// Items of a list, or the single value of a parameter that is set.
std::vector<std::string> items_of(const ParameterInfo& parameter, const Parameters& parameters) {
  if (is_list(parameter.type)) return parameters.list(parameter.name);
  const std::string& value = parameters.text(parameter.name);
  return value.empty() ? std::vector<std::string>() : std::vector<std::string>{value};
}

/// Hook points and tokens are checked as the tools will read them.
void check_item(const ParameterInfo& parameter, const std::string& item, const Model& model) {
  if (parameter.type == ParameterType::hooks) {
    match_hook_points(model.spec(), item.starts_with("!") ? item.substr(1) : item);
    return;
  }
  // Words such as `next` are used in place of a token.
  const auto words = parameter.words();
  if (std::find(words.begin(), words.end(), item) != words.end()) return;
  const auto tokenizer = model.tokenizer();
  parse_token(tokenizer.get(), item, model.spec().vocab_size);
}

/// Only these types can be valid in one model and not in another.
bool depends_on_model(ParameterType type) {
  return type == ParameterType::hooks || type == ParameterType::token ||
         type == ParameterType::tokens;
}

}  // namespace

/// Before the first case, so that a token that the model lacks does not fail each case in turn.
void check_against_model(const Parameters& parameters, const Model& model) {
  for (const auto& parameter : parameters.declared()) {
    if (!depends_on_model(parameter.type)) continue;
    for (const auto& item : items_of(parameter, parameters)) {
      try {
        check_item(parameter, item, model);
      } catch (const UsageError& error) {
        throw UsageError(parameters.subject() + ": parameter '" + parameter.name +
                         "': " + error.what());
      }
    }
  }
}

}  // namespace lensbench
