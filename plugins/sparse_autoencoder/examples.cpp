#include "examples.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <utility>

#include "common/coordinates.hpp"

namespace lensbench::dictionaries {
namespace {

constexpr std::int64_t kContext = 8;  ///< tokens that are shown on both sides

std::string around(const Tokens& tokens, std::int64_t place) {
  std::string text;
  const std::int64_t end = std::min(tokens.size(), place + kContext + 1);
  for (std::int64_t i = std::max<std::int64_t>(0, place - kContext); i < end; ++i) {
    const std::string& token = tokens.texts[static_cast<std::size_t>(i)];
    text += i == place ? "«" + token + "»" : token;
  }
  return text;
}

}  // namespace

FeatureExamples::FeatureExamples(std::vector<std::int64_t> features, std::int64_t k)
    : features_(std::move(features)), k_(static_cast<std::size_t>(k)), top_(features_.size()) {}

void FeatureExamples::add(const Tokens& tokens, const at::Tensor& activations,
                          const at::Tensor& counted, std::int64_t document,
                          std::int64_t first_position) {
  if (k_ == 0) return;
  for (std::size_t f = 0; f < features_.size(); ++f)
    for (std::int64_t row = 0; row < tokens.size(); ++row) {
      const auto value =
          static_cast<double>(activations[row][static_cast<std::int64_t>(f)].item<float>());
      auto& top = top_[f];
      if (value <= 0 || !counted[row].item<bool>()) continue;
      if (top.size() == k_ && value <= top.back().activation) continue;
      // The first one of equal activations is kept first.
      const auto place =
          std::upper_bound(top.begin(), top.end(), value,
                           [](double a, const FeatureExample& b) { return a > b.activation; });
      top.insert(place, {value, document, first_position + row, around(tokens, row)});
      if (top.size() > k_) top.pop_back();
    }
}

void FeatureExamples::write(Dataset& dataset) const {
  std::vector<std::string> labels, texts;
  std::vector<std::int64_t> feature, rank, document, position;
  std::vector<double> activation;
  // Each feature has as many rows in every case, so that cases can be joined.
  for (std::size_t f = 0; f < top_.size(); ++f)
    for (std::size_t i = 0; i < k_; ++i) {
      const bool known = i < top_[f].size();
      const FeatureExample example = known ? top_[f][i] : FeatureExample{.position = -1};
      feature.push_back(features_[f]);
      rank.push_back(static_cast<std::int64_t>(i) + 1);
      labels.push_back(std::to_string(feature.back()) + ":" + std::to_string(rank.back()) + " " +
                       (known ? example.text : "none"));
      texts.push_back(example.text);
      document.push_back(known ? example.document : -1);
      position.push_back(example.position);
      activation.push_back(example.activation);
    }
  if (labels.empty()) return;
  const auto add = [&](const char* name, const std::vector<std::int64_t>& values,
                       const char* meaning) {
    add_coordinate_of(dataset, name, "example_row", at::tensor(values, at::kLong).to(at::kInt),
                      meaning);
  };
  dataset.add_coordinate("example_row", labels,
                         "feature, rank, and the tokens around an example, which is in « »");
  add("example_feature", feature, "feature of the example");
  add("example_rank", rank, "1 is the best");
  add_coordinate_of(dataset, "example_text", "example_row", texts,
                    "tokens around the example, which is in « »");
  add("example_document", document,
      "document of the example, counted from 0; -1: fewer are active");
  add("example_position", position,
      "position of the example in its document; -1: fewer are active");
  dataset.add(
      "example_activation", {"example_row"}, at::tensor(activation, at::kDouble), "1",
      "largest activations of the given features in the text, best first; 0: fewer are active");
}

}  // namespace lensbench::dictionaries
