#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "framework/report/page/hostile_texts.hpp"

namespace lensbench::testing {

/// Texts of all places of a page, by a name of the place.
class PlacedTexts {
 public:
  explicit PlacedTexts(std::uint64_t seed) : from_(seed) {}
  /// Texts without anything to escape, for the page that others are compared with.
  PlacedTexts() : from_(0), harmless_(true) {}

  std::string at(const std::string& place) { return keep(place, from_.draw()); }
  std::string stored(const std::string& place) { return keep(place, from_.draw_storable()); }
  std::vector<std::string> list(const std::string& place, int count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) texts.push_back(stored(place + std::to_string(i)));
    return texts;
  }
  const HostileText& operator[](const std::string& place) const { return texts_.at(place); }
  std::size_t size() const { return texts_.size(); }

 private:
  std::string keep(const std::string& place, HostileText text) {
    if (harmless_) {
      const std::string plain = "x" + std::to_string(texts_.size());
      text = {plain, plain, plain};
    }
    return texts_.emplace(place, std::move(text)).first->second.bytes;
  }

  HostileTexts from_;
  bool harmless_ = false;
  std::map<std::string, HostileText> texts_;
};

inline constexpr int kTokensOfCase = 5, kLayersOfCase = 3, kConcepts = 4, kVocabularySize = 12;

/// A result over tokens, layers, ranks and concepts, with texts in all its descriptions.
inline Dataset result_with(PlacedTexts& texts) {
  Dataset data;
  add_token_axis(data, {0, 1, 2, 3, 4}, texts.list("token", kTokensOfCase));
  add_layer_axis(data, kLayersOfCase - 1);
  data.add_coordinate("rank", at::tensor({1}, at::kInt));
  data.add_coordinate("concept", texts.list("concept", kConcepts));
  const auto numbers = [](std::vector<std::int64_t> shape) {
    std::int64_t count = 1;
    for (const std::int64_t length : shape) count *= length;
    return at::arange(count, at::kFloat).reshape(shape);
  };
  const auto add = [&](const std::string& name, std::vector<std::string> dims, at::Tensor values) {
    data.add(name, std::move(dims), std::move(values), texts.stored("unit of " + name),
             texts.stored("meaning of " + name));
    data.set_attribute(name, "view", std::string("heatmap"));
    data.set_attribute(name, "remark", texts.stored("remark of " + name));
  };
  add("target_probability", {"layer", "token"}, numbers({kLayersOfCase, kTokensOfCase}));
  add("concept_score", {"layer", "concept"}, numbers({kLayersOfCase, kConcepts}));
  data.add("top_id", {"layer", "token", "rank"},
           at::arange(kLayersOfCase * kTokensOfCase, at::kLong)
               .remainder(kVocabularySize)
               .reshape({kLayersOfCase, kTokensOfCase, 1}),
           "1", "ids", Holds::token_ids);
  data.add("top_probability", {"layer", "token", "rank"},
           numbers({kLayersOfCase, kTokensOfCase, 1}), "1", "p");
  data.add("answer", "concept", texts.list("answer", kConcepts), texts.stored("meaning of answer"));
  data.attributes["method"] = texts.stored("attribute");
  return data;
}

}  // namespace lensbench::testing
