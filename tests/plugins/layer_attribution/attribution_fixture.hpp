#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "layer_attribution/layer_attribution.hpp"
#include "support/contexts.hpp"
#include "support/folders.hpp"

namespace lensbench::attribution {

// Sums of float64 numbers in another order.
inline constexpr double kExact = 1e-12;

/// The tool on one of the committed tiny checkpoints (`gpt2`, `llama`).
class AttributedModel {
 public:
  explicit AttributedModel(const std::string& directory, const ModelOptions& options = {})
      : model_(Model::open(directory, options)), context_(testing::context_of(model_)) {
    tool_.attach(context_);
  }

  static std::string folder(const std::string& family) {
    return testing::data_folder() + "/layer_attribution/" + family;
  }

  const Model& model() const { return *model_; }
  LayerAttributionTool& tool() { return tool_; }
  Context& context() { return context_; }
  Tokens tokens(std::vector<std::int64_t> ids) const {
    return tokens_from_ids(*model_, std::move(ids));
  }

 private:
  std::shared_ptr<const Model> model_;
  Context context_;
  LayerAttributionTool tool_;
};

inline double value(const Dataset& dataset, const std::string& name,
                    const std::vector<std::int64_t>& index) {
  at::Tensor element = dataset[name].tensor;
  for (const std::int64_t i : index) element = element[i];
  return element.item<double>();
}

inline std::int64_t component_index(const Dataset& dataset, const std::string& label) {
  const std::vector<std::string>& labels = dataset["component"].strings;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] == label) return static_cast<std::int64_t>(i);
  ADD_FAILURE() << "there is no component " << label;
  return 0;
}

}  // namespace lensbench::attribution
