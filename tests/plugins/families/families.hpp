#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tool.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/bench.hpp"
#include "support/folders.hpp"
#include "support/sample_models.hpp"

namespace lensbench::families {

/// Tokens of a prompt in which some repeat, for a vocabulary of any size.
inline std::vector<std::int64_t> prompt_for(const Model& model) {
  std::vector<std::int64_t> ids = {3, 17, 5, 9, 11, 17, 5, 9};
  for (std::int64_t& id : ids) id %= model.spec().vocab_size;
  return ids;
}

/// Runs a tool on a model. The tool either answers, and then all its receipts hold, or refuses the
/// model with one sentence that names the family.
/// \param run  calls the tool
/// \return the answer; empty if it refused
template <class ToolClass>
std::optional<Dataset> answer_or_refusal(
    const std::shared_ptr<const Model>& model,
    const std::function<Dataset(ToolClass&, const Tokens&)>& run) {
  testing::ToolBench<ToolClass> bench(model, prompt_for(*model));
  try {
    bench.tool.check_compatible(*bench.model);
    Dataset dataset = run(bench.tool, bench.tokens);
    EXPECT_FALSE(dataset.receipts.empty());
    for (const Receipt& receipt : dataset.receipts)
      EXPECT_TRUE(receipt.passed) << receipt.name << ": " << receipt.value << " > "
                                  << receipt.tolerance;
    return dataset;
  } catch (const UsageError& refusal) {
    const std::string message = refusal.what();
    EXPECT_NE(message.find("'" + bench.model->spec().family + "'"), std::string::npos) << message;
    EXPECT_NE(message.find("; "), std::string::npos) << "it does not say what to do: " << message;
  }
  return std::nullopt;
}

/// Runs a tool on one sample checkpoint of tests/data/models (small, with random weights; there is
/// at least one of every family).
template <class ToolClass>
std::optional<Dataset> answer_or_refusal(
    const std::string& sample, const std::function<Dataset(ToolClass&, const Tokens&)>& run) {
  return answer_or_refusal<ToolClass>(Model::open(testing::data_folder() + "/models/" + sample),
                                      run);
}

/// Whether the MLPs of a sample are mixtures of experts.
inline bool is_mixture(const std::string& sample) {
  return Model::open(testing::data_folder() + "/models/" + sample)->spec().mlp.n_experts > 0;
}

/// Name of a parametrised test: that of the sample without the characters that gtest refuses.
inline std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

}  // namespace lensbench::families
