#pragma once

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <lensbench/dataset.hpp>
#include <lensbench/result_spec.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

// Small datasets for tests of drawings.

namespace lensbench::testing {

inline const std::vector<std::string> kVocabulary = {" In", " the",       "本",
                                                     "\n",  " beginning", "\x1b[2J"};

inline std::string token_text(std::int64_t id) {
  return kVocabulary[static_cast<std::size_t>(id) % kVocabulary.size()];
}

inline Variable variable(std::string name, std::vector<std::string> dims, at::Tensor tensor,
                         Holds holds = Holds::numbers) {
  Variable v;
  v.name = std::move(name);
  v.dims = std::move(dims);
  v.tensor = std::move(tensor);
  v.holds = holds;
  return v;
}

inline at::Tensor doubles(const std::vector<double>& values,
                          const std::vector<std::int64_t>& shape) {
  return at::tensor(values, at::kDouble).reshape(shape);
}

inline at::Tensor ids(const std::vector<std::int64_t>& values,
                      const std::vector<std::int64_t>& shape) {
  return at::tensor(values, at::kLong).reshape(shape);
}

/// Two blocks over three tokens; the vocabulary holds an escape sequence, a newline, a wide
/// character.
inline Dataset small_lens() {
  Dataset lens;
  add_token_axis(lens, {0, 1, 2}, {" In", " the", "本"});
  add_layer_axis(lens, 2);
  lens.add_coordinate("rank", at::tensor({1, 2}, at::kInt));
  const std::vector<std::string> full{"layer", "token", "rank"}, plane{"layer", "token"};
  lens.add(variable("top_id", full,
                    ids({1, 0, 4, 0, 5, 0, 1, 0, 4, 0, 0, 3, 1, 0, 4, 0, 3, 5}, {3, 3, 2}),
                    Holds::token_ids));
  lens.add(variable(
      "top_probability", full,
      doubles({.025, 0, .125, 0, .05, .025, .5, 0, .255, 0, .3, .2, .999, 0, .625, 0, .875, .0625},
              {3, 3, 2})));
  lens.add(variable("entropy", plane, doubles({0, 0, 1.5, 0, 0, 1.25, 0, 0, .5}, {3, 3})));
  lens.add(variable("kl_final_to_layer", plane, doubles({0, 0, 3.25, 0, 0, .5, 0, 0, 0}, {3, 3})));
  lens.add(variable("target_id", {"token"}, ids({1, 2, 3}, {3}), Holds::token_ids));
  lens.add(
      variable("target_probability", plane, doubles({0, 0, .025, 0, 0, .2, 0, 0, .875}, {3, 3})));
  lens.add(variable("target_rank", plane, ids({1, 1, 4, 1, 1, 2, 1, 1, 1}, {3, 3})));
  lens.add(variable("settled_layer", {"token"}, ids({0, 0, 2}, {3})));
  lens.receipts.push_back(make_receipt("lens_last_layer_equals_logits", 1e-6, 1e-4));
  return lens;
}

/// A lens over many positions, every number the same.
inline Dataset long_lens(std::int64_t n_tokens, std::int64_t n_layers) {
  Dataset lens;
  std::vector<std::int64_t> input;
  std::vector<std::string> texts;
  for (std::int64_t i = 0; i < n_tokens; ++i) {
    input.push_back(i);
    texts.push_back(token_text(i));
  }
  add_token_axis(lens, input, texts);
  add_layer_axis(lens, n_layers);
  const std::vector<std::int64_t> shape{n_layers + 1, n_tokens, 1};
  lens.add(variable("top_id", {"layer", "token", "rank"},
                    at::arange((n_layers + 1) * n_tokens, at::kLong).reshape(shape),
                    Holds::token_ids));
  lens.add(variable("top_probability", {"layer", "token", "rank"}, at::full(shape, 0.5)));
  return lens;
}

/// A variable that says its view, as the bench stores it.
inline Variable viewed(Variable v, View view, std::string long_name = "") {
  v.attributes["view"] = std::string(to_string(view));
  v.long_name = std::move(long_name);
  return v;
}

/// Two layers over three tokens, one value missing.
inline Dataset small_map(View view) {
  Dataset dataset;
  add_token_axis(dataset, {0, 1, 2}, {" In", " the", "本"});
  dataset.add_coordinate("layer", at::tensor({0, 1}, at::kInt));
  dataset.add(
      viewed(variable("norm", {"layer", "token"}, doubles({1, 2.5, NAN, 4, 20, 12.25}, {2, 3})),
             view, "length"));
  return dataset;
}

/// A dataset with a variable of each view, over many layers and tokens of two cases.
inline Dataset every_view() {
  constexpr std::int64_t kLayers = 50, kTokens = 70, kHeads = 12;
  Dataset dataset = long_lens(kTokens, kLayers - 1);
  Dataset all;
  for (const auto& v : dataset.variables())
    if (v.coordinate && v.name != "case" && v.name != "rank") all.add(v);
  all.add(variable("case", {"token"}, at::arange(kTokens).ge(30).to(at::kLong)));
  all.add_coordinate("head", std::vector<std::string>(kHeads, "a head with a \x1b[2J long name"));
  const auto values = [](std::vector<std::int64_t> shape) {
    std::int64_t n = 1;
    for (const auto length : shape) n *= length;
    return at::arange(n, at::kDouble).mul(1.7).sin().mul(1e4).reshape(shape);
  };
  int i = 0;
  for (const View view :
       {View::general, View::heatmap, View::trajectory, View::bars, View::tokens, View::generation,
        View::attention, View::patching, View::image, View::graph, View::statistics, View::table})
    for (const auto& [dims, shape] :
         std::vector<std::pair<std::vector<std::string>, std::vector<std::int64_t>>>{
             {{"layer", "token"}, {kLayers, kTokens}},
             {{"layer", "head", "token"}, {kLayers, kHeads, kTokens}},
             {{"layer", "head"}, {kLayers, kHeads}},
             {{"token"}, {kTokens}},
             {{"layer"}, {kLayers}},
             {{}, {}}})
      all.add(viewed(variable("v" + std::to_string(i++), dims, values(shape)), view,
                     "a description that is so long that it does not fit into one line of 80"));
  return all;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

inline std::string without_colours(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b') {
      out += text[i];
      continue;
    }
    i = text.find('m', i);
  }
  return out;
}

}  // namespace lensbench::testing
