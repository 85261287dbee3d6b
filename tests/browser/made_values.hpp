#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

// Made-up values that look like results: no model is needed, and every run gives the same bytes.

namespace lensbench::made {

/// Uniform numbers of a linear congruential generator (Knuth, MMIX).
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed * 2862933555777941757U + 3037000493U) {}
  /// In [0, 1).
  double next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<double>(state_ >> 11) * 0x1p-53;
  }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(next() * static_cast<double>(n));
  }

 private:
  std::uint64_t state_;
};

/// Words of the made-up vocabulary, with a leading blank as BPE tokens have.
inline std::string word(std::int64_t id) {
  static const std::vector<std::string> kSyllables = {"ba", "de", "gi", "lo", "mu",
                                                      "na", "pe", "ri", "so", "tu"};
  std::string text = " ";
  for (std::int64_t rest = id + 10; rest > 0; rest /= 10)
    text += kSyllables[static_cast<std::size_t>(rest % 10)];
  return text;
}

inline constexpr std::int64_t kVocabulary = 2000;

inline std::map<std::int64_t, std::string> vocabulary() {
  std::map<std::int64_t, std::string> texts;
  for (std::int64_t id = 0; id < kVocabulary; ++id) texts[id] = word(id);
  return texts;
}

/// A variable of numbers with its view.
inline Variable variable(const std::string& name, std::vector<std::string> dims, at::Tensor values,
                         const std::string& view, const std::string& units = "1",
                         const std::string& long_name = "made-up values") {
  Variable made{.name = name,
                .dims = std::move(dims),
                .tensor = std::move(values),
                .units = units,
                .long_name = long_name};
  made.attributes["view"] = view;
  return made;
}

inline at::Tensor noise(std::vector<std::int64_t> shape, Noise& from, double low = 0,
                        double high = 1) {
  at::Tensor values = at::empty(shape, at::kFloat);
  float* data = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i)
    data[i] = static_cast<float>(low + (high - low) * from.next());
  return values;
}

/// Random token ids of a case.
inline std::vector<std::int64_t> made_ids(std::int64_t count, Noise& from) {
  std::vector<std::int64_t> ids;
  ids.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(from.below(kVocabulary));
  return ids;
}

inline void add_tokens(Dataset& dataset, const std::vector<std::int64_t>& ids) {
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const std::int64_t id : ids) texts.push_back(word(id));
  add_token_axis(dataset, ids, texts);
}

/// A logit lens with `top_k` candidates: noisy layers, in which candidates seldom change.
inline Dataset lens(const std::vector<std::int64_t>& ids, std::int64_t layers, std::int64_t top_k,
                    Noise& from) {
  const auto tokens = static_cast<std::int64_t>(ids.size());
  Dataset dataset;
  add_tokens(dataset, ids);
  add_layer_axis(dataset, layers - 1);
  dataset.add_coordinate("rank", at::arange(1, top_k + 1, at::kInt));
  at::Tensor top_id = at::empty({layers, tokens, top_k}, at::kInt),
             top_p = at::empty({layers, tokens, top_k}, at::kFloat);
  at::Tensor p = at::empty({layers, tokens}, at::kFloat),
             entropy = at::empty({layers, tokens}, at::kFloat),
             kl = at::empty({layers, tokens}, at::kFloat),
             rank = at::empty({layers, tokens}, at::kInt);
  auto* id = top_id.data_ptr<int>();
  auto* share = top_p.data_ptr<float>();
  for (std::int64_t l = 0; l < layers; ++l)
    for (std::int64_t t = 0; t < tokens; ++t) {
      const std::int64_t cell = l * tokens + t;
      const double depth = static_cast<double>(l + 1) / static_cast<double>(layers);
      double left = 1, first = 0.05 + 0.9 * depth * from.next();
      for (std::int64_t k = 0; k < top_k; ++k) {
        const std::int64_t at = cell * top_k + k;
        const bool keeps = l > 0 && from.next() < 0.9;
        id[at] = keeps ? id[at - tokens * top_k] : static_cast<int>(from.below(kVocabulary));
        share[at] = static_cast<float>(left * first);
        left *= 1 - first, first *= 0.7;
      }
      p.data_ptr<float>()[cell] =
          static_cast<float>(std::exp(-12 * (1 - depth) * from.next()) * 0.9);
      entropy.data_ptr<float>()[cell] = static_cast<float>(7 * (1 - depth) + from.next());
      kl.data_ptr<float>()[cell] =
          l + 1 == layers ? 0 : static_cast<float>(5 * (1 - depth) * from.next() + 0.01);
      rank.data_ptr<int>()[cell] = 1 + static_cast<int>((1 - depth) * 1500 * from.next());
    }
  Variable ids_of_top = variable("top_id", {"layer", "token", "rank"}, top_id, "heatmap", "1",
                                 "tokens with the largest probability");
  ids_of_top.holds = Holds::token_ids;
  dataset.add(std::move(ids_of_top));
  dataset.add(variable("top_probability", {"layer", "token", "rank"}, top_p, "heatmap", "1",
                       "probability of each candidate"));
  dataset.add(variable("entropy", {"layer", "token"}, entropy, "heatmap", "nats",
                       "entropy of the distribution"));
  dataset.add(variable("kl_final_to_layer", {"layer", "token"}, kl, "heatmap", "nats",
                       "KL divergence of the model's own distribution"));
  dataset.add(variable("target_probability", {"layer", "token"}, p, "heatmap", "1",
                       "probability of the target"));
  dataset.add(
      variable("target_rank", {"layer", "token"}, rank, "trajectory", "1", "rank of the target"));
  dataset.receipts = {make_receipt("lens_last_layer_equals_logits", 1e-7, 2e-5, "float32")};
  return dataset;
}

/// What an analysis of tokens writes, for tokens with these ids.
inline Dataset analysis(const std::vector<std::int64_t>& ids, Noise& from) {
  Dataset dataset;
  add_tokens(dataset, ids);
  const auto n = static_cast<std::int64_t>(ids.size());
  at::Tensor surprisal = noise({n}, from, 0, 9);
  surprisal[0] = std::nan("");
  dataset.add(variable("surprisal", {"token"}, surprisal, "generation", "nats",
                       "-ln of the token's probability (NaN: first token)"));
  dataset.add(
      variable("entropy", {"token"}, noise({n}, from, 0, 7), "generation", "nats", "entropy"));
  dataset.add(variable("margin", {"token"}, noise({n}, from), "generation", "1", "margin"));
  return dataset;
}

}  // namespace lensbench::made
