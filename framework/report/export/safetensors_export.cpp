#include "report/export/safetensors_export.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/weights/safetensors.hpp"

namespace lensbench {

// The format has numbers only, and texts as metadata.
void write_safetensors(const std::filesystem::path& path, const std::vector<Variable>& variables) {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
  nlohmann::json dims = nlohmann::json::object();
  for (const Variable& variable : variables) {
    dims[variable.name] = variable.dims;
    if (variable.is_text())
      metadata[variable.name] = nlohmann::json(variable.strings).dump();
    else
      tensors[variable.name] = variable.tensor;
  }
  metadata["dims"] = dims.dump();
  write_safetensors(path, tensors, metadata);
}

}  // namespace lensbench
