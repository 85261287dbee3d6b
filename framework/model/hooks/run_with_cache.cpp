#include <lensbench/model.hpp>

namespace lensbench {

std::map<std::string, at::Tensor> run_with_cache(const Model& model, const TokenBatch& tokens,
                                                 const std::vector<std::string>& globs,
                                                 ForwardOptions options) {
  std::map<std::string, at::Tensor> activations;
  Hooks hooks;
  for (const std::string& glob : globs)
    hooks.read(glob, [&](const at::Tensor& activation, const HookPoint& point) {
      activations[point.name] = activation;
    });
  model.forward(tokens, options, hooks);
  return activations;
}

}  // namespace lensbench
