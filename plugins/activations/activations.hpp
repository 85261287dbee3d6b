#pragma once

#include <lensbench/tools/activations.hpp>

namespace lensbench::activations {

/// Implementation of the tool: typed interface and generic entry.
class ActivationsTool final : public Activations {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"hooks", ParameterType::list, "blocks.*.hook_resid_post", "",
       "Hook points by name, alias or glob; an item that starts with ! excludes its matches "
       "(see lensbench list hooks)."},
      {"store", ParameterType::text, "float32", "", "Element type to keep: float32 or float16."},
      {"positions", ParameterType::text, "all", "",
       "Positions to keep: all, or last for only the last token."},
  };

  Dataset run(const Tokens& tokens, const Parameters& parameters) override;
  Dataset read(const Tokens& tokens, const ActivationsOptions& options) override;
};

}  // namespace lensbench::activations
