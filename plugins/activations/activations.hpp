#pragma once

#include <lensbench/tools/activations.hpp>

namespace lensbench::activations {

/// Implementation of the tool: typed interface and generic entry.
class ActivationsTool final : public Activations {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"hooks", ParameterType::hooks, "blocks.*.hook_resid_post", "",
       "Hook points by name, alias or glob; an item that starts with ! excludes its matches "
       "(see lensbench list hooks).",
       "+"},
      {"store", ParameterType::choice, "float32", "", "Element type to keep.", "float32|float16"},
      {"positions", ParameterType::choice, "all", "",
       "Positions to keep: all, or only that of the last token.", "all|last"},
  };
  static constexpr ResultSpec kResults[] = {
      {"*", "*", "1", "activation at the hook point of that name", View::general, false}};

  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  Dataset read(const Tokens& tokens, const ActivationsOptions& options) override;
};

}  // namespace lensbench::activations
