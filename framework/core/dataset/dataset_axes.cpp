#include <ATen/ATen.h>

#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>
#include <limits>

namespace lensbench {
namespace {

at::Tensor int32_range(std::int64_t first, std::int64_t count) {
  return at::arange(first, first + count, at::kInt);
}

Variable label(const std::string& name, const std::string& dim, const std::string& long_name) {
  Variable variable;
  variable.name = name;
  variable.dims = {dim};
  variable.long_name = long_name;
  variable.coordinate = true;
  return variable;
}

at::Tensor int32_ids(const std::vector<std::int64_t>& ids) {
  const auto values = at::empty({static_cast<std::int64_t>(ids.size())}, at::kInt);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] > std::numeric_limits<std::int32_t>::max())
      throw UsageError("token axis: id " + std::to_string(ids[i]) + " at position " +
                       std::to_string(i) + " is not a token id");
    values.data_ptr<std::int32_t>()[i] = static_cast<std::int32_t>(ids[i]);
  }
  return values;
}

}  // namespace

void add_token_axis(Dataset& dataset, const std::vector<std::int64_t>& ids,
                    const std::vector<std::string>& texts, std::int64_t first_position) {
  if (ids.size() != texts.size())
    throw UsageError("token axis: " + std::to_string(ids.size()) + " ids but " +
                     std::to_string(texts.size()) + " texts");
  const auto n = static_cast<std::int64_t>(ids.size());
  dataset.add_coordinate("token", int32_range(0, n), "row of the token axis");
  Variable number = label("case", "token", "number of the case");
  number.tensor = at::zeros({n}, at::kInt);
  dataset.add(std::move(number));
  Variable position = label("position", "token", "position in the sequence, from 0");
  position.tensor = int32_range(first_position, n);
  dataset.add(std::move(position));
  Variable id = label("input_id", "token", "token id at this position");
  id.tensor = int32_ids(ids);
  id.holds = Holds::token_ids;
  dataset.add(std::move(id));
  Variable text = label("input_token", "token", "token text at this position");
  text.strings = texts;
  dataset.add(std::move(text));
}

void add_layer_axis(Dataset& dataset, std::int64_t n_layers) {
  dataset.add_coordinate("layer", int32_range(0, n_layers + 1),
                         "residual stream after this many blocks");
  Variable names = label("layer_label", "layer", "name of the residual stream");
  names.strings.push_back("embed");
  for (std::int64_t layer = 0; layer < n_layers; ++layer)
    names.strings.push_back(std::to_string(layer) + "_resid_post");
  dataset.add(std::move(names));
}

}  // namespace lensbench
