// Against tests/data/token_analyzer/*.json, made in float64 through Hugging Face by
// tests/parity/token_analyzer_reference.py.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <lensbench/model.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/contexts.hpp"
#include "support/embedded_model.hpp"
#include "support/folders.hpp"
#include "token_analyzer/token_analyzer.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

const std::string kData = testing::data_folder() + "/token_analyzer/";

// The forward is float32, the reference float64: logits of size 10 are off by some 1e-6 (measured:
// the worst number of all is off by 4.2e-6); the rest is room for other matrix kernels.
constexpr double kTolerance = 2e-5;

struct Pair {
  std::string name, own, other;
};

void PrintTo(const Pair& pair, std::ostream* out) {
  *out << pair.name;
}

std::vector<double> values_of(const Variable& variable) {
  const at::Tensor wide = variable.tensor.to(at::kDouble).contiguous();
  return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

std::vector<double> flattened(const json& node) {
  if (node.is_number()) return {node.get<double>()};
  std::vector<double> values;
  for (const json& item : node)
    for (const double value : flattened(item)) values.push_back(value);
  return values;
}

/// \param columns  name -> one entry for each token but the first
void expect_columns(const Dataset& dataset, const json& columns) {
  for (const auto& [name, expected] : columns.items()) {
    const Variable& variable = dataset[name];
    const bool exact = !variable.tensor.is_floating_point();
    const auto wanted = flattened(expected);
    const auto width = wanted.size() / expected.size();
    const auto found = values_of(variable);
    ASSERT_EQ(found.size(), wanted.size() + width) << name;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      EXPECT_NEAR(found[i + width], wanted[i], exact ? 0.0 : kTolerance)
          << name << " of token " << 1 + i / width;
  }
}

class TokenAnalyzerParity : public ::testing::TestWithParam<Pair> {
 protected:
  TokenAnalyzerParity()
      : expected_(json::parse(std::ifstream(kData + GetParam().name + ".json"))),
        context_(testing::context_of(Model::open(GetParam().own))) {
    tool_.attach(context_);
  }

  Tokens text() const {
    return tokens_from_ids(context_.model(), expected_["ids"].get<std::vector<std::int64_t>>());
  }

  TokenAnalyzerOptions options() const {
    const json& sampler = expected_["sampler"];
    TokenAnalyzerOptions options;
    options.top_k = expected_["top_k"];
    options.nucleus = expected_["nucleus"].get<std::vector<double>>();
    options.temperatures = expected_["temperatures"].get<std::vector<double>>();
    options.sampling = {sampler["temperature"], sampler["top_k"], sampler["top_p"], 0};
    return options;
  }

  json expected_;
  Context context_;
  TokenAnalyzerTool tool_;
};

TEST_P(TokenAnalyzerParity, DescribesATextAsTheLibraryDoes) {
  const Dataset dataset = tool_.analyze(text(), options());
  expect_columns(dataset, expected_["tokens"]);
  const double perplexity = expected_["perplexity"];
  EXPECT_NEAR(values_of(dataset["perplexity"])[0] / perplexity, 1.0, kTolerance);
  for (const Receipt& receipt : dataset.receipts) EXPECT_TRUE(receipt.passed) << receipt.name;
}

TEST_P(TokenAnalyzerParity, ComparesTwoModelsAsTheLibraryDoes) {
  const auto other = Model::open(GetParam().other);
  const Dataset dataset = tool_.compare(text(), *other, expected_["top_k"]);
  expect_columns(dataset, expected_["comparison"]);
  EXPECT_EQ(values_of(dataset["first_parting"])[0], expected_["first_parting"].get<double>());
  const double perplexity = expected_["perplexity_in_other"];
  EXPECT_NEAR(values_of(dataset["perplexity_in_other"])[0] / perplexity, 1.0, kTolerance);
  for (const Receipt& receipt : dataset.receipts) EXPECT_TRUE(receipt.passed) << receipt.name;
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, TokenAnalyzerParity,
                         ::testing::Values(Pair{"gpt2", kData + "gpt2", kData + "gpt2_other"},
                                           Pair{"llama", kData + "llama", kData + "llama_other"},
                                           Pair{"kjv", testing::kModel,
                                                testing::kModel + "/checkpoints/step-400"}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace lensbench
