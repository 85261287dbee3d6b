#include "model/hooks/read_activations.hpp"

namespace lensbench {

/// Names, not globs, are the keys, so that two globs that match one point give one entry.
std::map<std::string, at::Tensor> read_activations(const Model& model, const TokenBatch& tokens,
                                                   const std::vector<std::string>& globs,
                                                   const ForwardOptions& options) {
  std::map<std::string, at::Tensor> activations;
  Hooks hooks;
  for (const std::string& glob : globs)
    hooks.read(glob, [&](const at::Tensor& activation, const HookPoint& point) {
      activations[activation_name(point)] = activation;
    });
  model.forward(tokens, options, hooks);
  return activations;
}

}  // namespace lensbench
