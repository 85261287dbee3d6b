#pragma once

#include <ATen/ops/tensor.h>

#include <cmath>
#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>
#include <string>
#include <utility>
#include <vector>

#include "report/figure/figure.hpp"
#include "support/error_matchers.hpp"

// Figures of small datasets for tests, with values that are known by their index.

namespace lensbench::testing {

inline std::string letter(std::int64_t id) {
  return " " + std::string(1, static_cast<char>('a' + id % 26));
}

/// Value of a cell of `grid_dataset`: different in every cell.
inline double cell_value(std::int64_t layer, std::int64_t token, std::int64_t n_tokens) {
  return static_cast<double>(layer * n_tokens + token) / 10;
}

inline figure::Figure figure_of(const Dataset& data, figure::Request request) {
  return figure::draw(data, request, letter);
}

inline figure::Figure figure_of(const Dataset& data, const char* variable) {
  return figure_of(data, figure::Request{.variable = variable});
}

/// Message of the refusal to draw a figure.
inline std::string refusal(const Dataset& data, figure::Request request) {
  return message_of<UsageError>([&] { figure_of(data, std::move(request)); });
}

/// A lens with `layers` rows: variables `value`, `signed_value` around zero, and `top_id`.
inline Dataset grid_dataset(std::int64_t layers, std::int64_t tokens) {
  Dataset data;
  std::vector<std::int64_t> ids;
  std::vector<std::string> texts;
  for (std::int64_t i = 0; i < tokens; ++i) ids.push_back(i), texts.push_back(letter(i));
  add_token_axis(data, ids, texts);
  add_layer_axis(data, layers - 1);
  data.add_coordinate("rank", at::tensor({1}, at::kInt));
  std::vector<double> values, around;
  std::vector<std::int64_t> top, settled(static_cast<std::size_t>(tokens), layers - 1);
  for (std::int64_t layer = 0; layer < layers; ++layer)
    for (std::int64_t token = 0; token < tokens; ++token) {
      values.push_back(cell_value(layer, token, tokens));
      around.push_back(values.back() - cell_value(layers - 1, tokens - 1, tokens) / 2);
      top.push_back(layer + token);
    }
  const std::vector<std::string> dims{"layer", "token"};
  data.add("value", dims, at::tensor(values, at::kDouble).reshape({layers, tokens}), "nats",
           "value of the cell");
  data.add("signed_value", dims, at::tensor(around, at::kDouble).reshape({layers, tokens}), "1",
           "value around zero");
  data.add("top_id", {"layer", "token", "rank"},
           at::tensor(top, at::kLong).reshape({layers, tokens, 1}), "1", "first choice",
           Holds::token_ids);
  data.add("settled_layer", {"token"}, at::tensor(settled, at::kInt), "1", "first final layer");
  return data;
}

/// Values over components and layers, with the ends of their intervals.
inline Dataset summary_dataset() {
  Dataset data;
  data.add_coordinate("component", std::vector<std::string>{"embed", "0_attn_out", "0_mlp_out"});
  add_layer_axis(data, 2);
  data.add_coordinate("bound", std::vector<std::string>{"low", "high"});
  const auto numbers = [](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble);
  };
  data.add("effect_mean", {"component"}, numbers({-1, 0.5, 2}), "nats", "mean effect");
  data.add("effect_interval", {"bound", "component"},
           numbers({-1.5, 0, 1, -0.5, 1, 3}).reshape({2, 3}), "nats", "interval");
  data.add("share", {"component"}, numbers({0.25, 0.5, std::nan("")}), "1", "share");
  data.add("loss_mean", {"layer"}, numbers({4, 2, 1}), "nats", "mean loss");
  data.add("loss_interval", {"bound", "layer"}, numbers({3, 1.5, 0.5, 5, 2.5, 1.5}).reshape({2, 3}),
           "nats", "interval");
  data.add("speed", {"layer"}, numbers({1, 10, 100}), "1", "speed");
  return data;
}

/// Accuracies of two bases at two positions, of an exchange and its controls at each layer. The
/// value is layer x 4 + run, plus 100 at the second basis and plus 1000 at the second position.
inline Dataset exchange_dataset() {
  Dataset data;
  add_layer_axis(data, 1);
  data.add_coordinate("run", std::vector<std::string>{"exchange", "placebo", "random", "shuffled"});
  data.add_coordinate("basis", std::vector<std::string>{"das", "chance"});
  data.add_coordinate("position", at::tensor({-2, -1}, at::kInt));
  std::vector<double> values;
  for (int layer = 0; layer < 2; ++layer)
    for (int run = 0; run < 4; ++run)
      for (int basis = 0; basis < 2; ++basis)
        for (int position = 0; position < 2; ++position)
          values.push_back(4 * layer + run + 100 * basis + 1000 * position);
  data.add("side_by_side", {"layer", "run", "basis", "position"},
           at::tensor(values, at::kDouble).reshape({2, 4, 2, 2}), "1", "accuracy");
  data.set_attribute("side_by_side", "view", std::string("heatmap"));
  return data;
}

/// A pattern of two heads over three positions; no query sees a later key.
inline Dataset attention_dataset() {
  Dataset data;
  add_token_axis(data, {0, 1, 2}, {" In", " the", " end"});
  data.add_coordinate("head", at::tensor({0, 1}, at::kInt));
  data.add_coordinate("query_position", at::tensor({0, 1, 2}, at::kInt));
  data.add_coordinate("key_position", at::tensor({0, 1, 2}, at::kInt));
  data.add(
      "pattern", {"head", "query_position", "key_position"},
      at::tensor({1., 0., 0., .5, .5, 0., .25, .25, .5, 1., 0., 0., .125, .875, 0., 0., 0., 1.},
                 at::kDouble)
          .reshape({2, 3, 3}),
      "1", "attention pattern");
  return data;
}

/// A copy of a dataset in which one variable has other values.
inline Dataset with_tensor(const Dataset& data, const std::string& name, const at::Tensor& tensor) {
  Dataset changed;
  for (Variable variable : data.variables()) {
    if (variable.name == name) variable.tensor = tensor;
    changed.add(std::move(variable));
  }
  return changed;
}

}  // namespace lensbench::testing
