#include "grading/claims/claimed_items.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>

#include "core/text/suggest.hpp"
#include "grading/truth/component_name.hpp"

// From a variable with named axes to items with names. What an axis means is decided by its name
// alone, so that a tool that knows nothing of grading can be graded.

namespace lensbench::grading {
namespace {

/// A variable of which some axes have been fixed.
struct Selected {
  at::Tensor values;
  std::vector<std::string> dims;
};

[[noreturn]] void refuse(const Variable& variable, const std::string& problem) {
  throw UsageError("variable '" + variable.name + "': " + problem);
}

/// Labels of an axis: those of its coordinate, or its indices.
std::vector<std::string> labels_of(const Dataset& dataset, const std::string& dim,
                                   std::int64_t length) {
  std::vector<std::string> labels;
  labels.reserve(static_cast<std::size_t>(length));
  if (dataset.contains(dim) && dataset[dim].is_text()) return dataset[dim].strings;
  const bool numbered = dataset.contains(dim);
  const auto values = numbered ? statistics::values_of(dataset[dim].tensor) : std::vector<double>();
  for (std::int64_t i = 0; i < length; ++i)
    labels.push_back(std::to_string(
        numbered ? static_cast<std::int64_t>(values[static_cast<std::size_t>(i)]) : i));
  return labels;
}

/// Takes one index of an axis, which is then gone.
void fix(Selected& selected, const std::string& dim, std::int64_t index) {
  const auto place = std::find(selected.dims.begin(), selected.dims.end(), dim);
  selected.values = selected.values.select(place - selected.dims.begin(), index);
  selected.dims.erase(place);
}

/// Takes the labels that `where` names.
void apply_conditions(Selected& selected, const Dataset& dataset, const Variable& variable,
                      const Claim& claim) {
  for (const auto& [dim, label] : claim.where) {
    const auto place = std::find(selected.dims.begin(), selected.dims.end(), dim);
    if (place == selected.dims.end())
      refuse(variable, "claim '" + claim.name + "' is where " + dim + "=" + label +
                           ", but the variable has the axes " + join(variable.dims, ", "));
    const auto labels =
        labels_of(dataset, dim, selected.values.size(place - selected.dims.begin()));
    const auto found = std::find(labels.begin(), labels.end(), label);
    if (found == labels.end())
      refuse(variable, "claim '" + claim.name + "' is where " + dim + "=" + label +
                           ", but the labels are " + join(labels, ", "));
    fix(selected, dim, found - labels.begin());
  }
}

std::string point_of(const Variable& variable) {
  const auto found = variable.attributes.find("point");
  const auto* text =
      found == variable.attributes.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text == nullptr ? "" : *text;
}

std::string head_name(std::int64_t layer, std::int64_t head) {
  return component_name({ComponentPlace::Kind::head, layer, head});
}

class ItemReader {
 public:
  ItemReader(const Dataset& dataset, const Variable& variable, const Claim& claim,
             const TransformerSpec& spec, const Task& task, std::size_t prompt)
      : dataset_(dataset),
        variable_(variable),
        claim_(claim),
        spec_(spec),
        task_(task),
        prompt_(prompt),
        sign_(claim.negated ? -1.0 : 1.0) {
    if (variable.is_text())
      refuse(variable, "has texts, but claim '" + claim.name + "' is about numbers");
    selected_ = {variable.tensor.to(at::kDouble), variable.dims};
    apply_conditions(selected_, dataset, variable, claim);
  }

  ClaimedItems read() {
    switch (find_claim(claim_.name).family) {
      case ClaimFamily::effects:
        return effects();
      case ClaimFamily::probability:
      case ClaimFamily::rank:
        take_asked_position();
        return layers();
      case ClaimFamily::layer:
        take_asked_position();
        return whole_prompt();
      case ClaimFamily::edges:
        return edges();
      case ClaimFamily::distribution:
        return tokens();
      case ClaimFamily::attention:
        return attention();
      case ClaimFamily::direction:
        return directions();
      case ClaimFamily::activation:
        return activations();
      case ClaimFamily::presence:
        return presence();
      case ClaimFamily::later:
        break;
    }
    return {};
  }

 private:
  bool has_dims(std::initializer_list<const char*> dims) const {
    return std::equal(dims.begin(), dims.end(), selected_.dims.begin(), selected_.dims.end());
  }
  [[noreturn]] void refuse_axes(const char* expected) const {
    std::vector<std::string> found;
    for (std::size_t i = 0; i < selected_.dims.size(); ++i)
      found.push_back(selected_.dims[i] + " of length " +
                      std::to_string(selected_.values.size(std::int64_t(i))));
    refuse(variable_, "claim '" + claim_.name + "' is about " + expected + ", found [" +
                          join(found, ", ") + "]; give such axes");
  }
  void take_asked_position() {
    if (std::find(selected_.dims.begin(), selected_.dims.end(), "token") != selected_.dims.end())
      fix(selected_, "token", task_.prompts[prompt_].position);
  }
  void put(const std::string& name, const at::Tensor& value) {
    items_.values[name] = sign_ * value.item<double>();
  }
  /// The one name of the axis of blocks.
  bool is_block(const std::string& dim) const {
    return dim == "block" ||
           (dim == "layer" && selected_.values.size(axis_of(dim)) == spec_.n_layers);
  }
  std::int64_t axis_of(const std::string& dim) const {
    return std::find(selected_.dims.begin(), selected_.dims.end(), dim) - selected_.dims.begin();
  }

  ClaimedItems effects() {
    const std::string point = point_of(variable_);
    if (point.starts_with("resid_")) return stream();
    take_asked_position();
    if (has_dims({"component"}) || has_dims({"sender"})) return named();
    if (selected_.dims.size() == 2 && is_block(selected_.dims[0]) && selected_.dims[1] == "head") {
      for (std::int64_t layer = 0; layer < selected_.values.size(0); ++layer)
        for (std::int64_t head = 0; head < selected_.values.size(1); ++head)
          put(head_name(layer, head), selected_.values[layer][head]);
      return items_;
    }
    if (selected_.dims.size() == 1 && is_block(selected_.dims[0]) &&
        (point == "mlp_out" || point == "attn_out")) {
      for (std::int64_t layer = 0; layer < selected_.values.size(0); ++layer)
        put(std::to_string(layer) + "_" + point, selected_.values[layer]);
      return items_;
    }
    refuse_axes(
        "[component], [block, head], or [block] with attribute point: mlp_out or attn_out, each "
        "perhaps with token");
  }

  /// Components by their names; other labels (embeddings, biases) are not items.
  ClaimedItems named() {
    const auto labels = labels_of(dataset_, selected_.dims[0], selected_.values.size(0));
    for (std::size_t i = 0; i < labels.size(); ++i)
      if (const auto place = parse_component(labels[i]);
          place && place->kind != ComponentPlace::Kind::neuron)
        put(labels[i], selected_.values[static_cast<std::int64_t>(i)]);
    return items_;
  }

  ClaimedItems stream() {
    if (selected_.dims.size() != 2 || selected_.dims[1] != "token" ||
        (selected_.dims[0] != "block" && selected_.dims[0] != "layer"))
      refuse_axes("[layer, token] or [block, token]");
    items_.of_stream = true;
    for (std::int64_t layer = 0; layer < selected_.values.size(0); ++layer)
      for (std::int64_t position = 0; position < selected_.values.size(1); ++position)
        put(stream_item(layer, position), selected_.values[layer][position]);
    return items_;
  }

  ClaimedItems layers() {
    if (!has_dims({"layer"}) || selected_.values.size(0) != spec_.n_layers + 1)
      refuse_axes("[layer] or [layer, token] with one layer more than blocks");
    for (std::int64_t layer = 0; layer < selected_.values.size(0); ++layer)
      put(std::to_string(layer), selected_.values[layer]);
    return items_;
  }

  ClaimedItems whole_prompt() {
    if (!selected_.dims.empty()) refuse_axes("[token] or a single number");
    put(kWholePrompt, selected_.values);
    return items_;
  }

  /// Edges by the texts that the result has along their axis.
  ClaimedItems edges() {
    if (!has_dims({"edge"}) || selected_.dims.size() != 1) refuse_axes("[edge]");
    const auto sources = texts_of_edges("source"), targets = texts_of_edges("target"),
               slots = texts_of_edges("slot");
    for (std::size_t i = 0; i < sources.size(); ++i)
      put(edge_item({sources[i], targets[i], slots[i]}),
          selected_.values[static_cast<std::int64_t>(i)]);
    return items_;
  }

  const std::vector<std::string>& texts_of_edges(const std::string& name) const {
    if (!dataset_.contains(name) || !dataset_[name].is_text() ||
        dataset_[name].dims != std::vector<std::string>{"edge"})
      refuse(variable_, "claim '" + claim_.name + "' needs the texts '" + name +
                            "' [edge], which the result does not have; add them");
    return dataset_[name].strings;
  }

  /// Tokens by their positions; the first one came from no distribution.
  ClaimedItems tokens() {
    if (!has_dims({"token"}) || selected_.dims.size() != 1) refuse_axes("[token]");
    for (std::int64_t position = 1; position < selected_.values.size(0); ++position)
      put(std::to_string(position), selected_.values[position]);
    return items_;
  }

  /// Mass on the known key of each head of which one is known.
  ClaimedItems attention() {
    if (selected_.dims.size() != 4 || !is_block(selected_.dims[0]) || selected_.dims[1] != "head" ||
        selected_.dims[2] != "query_position" || selected_.dims[3] != "key_position")
      refuse_axes("[block, head, query_position, key_position]");
    const PromptPair& prompt = task_.prompts[prompt_];
    for (const AttendedKey& known : task_.attention) {
      const auto place = parse_component(known.head);
      const std::int64_t query =
          known.query == "position" ? prompt.position : prompt.sources.at(known.query);
      put(known.head, selected_.values[place->layer][place->index][query][known.keys[prompt_]]);
    }
    return items_;
  }

  ClaimedItems directions() {
    if (!has_dims({"feature", "d_model"}) || selected_.values.size(1) != spec_.d_model)
      refuse_axes("[feature, d_model] with as many numbers as the stream has");
    return of_features(selected_.values);
  }

  /// [feature, token], or the most active features of each token with their numbers.
  ClaimedItems activations() {
    const bool of_all = has_dims({"feature", "token"});
    if (!of_all &&
        (!has_dims({"token", "rank"}) || !dataset_.contains("feature_id") ||
         dataset_["feature_id"].is_text() || dataset_["feature_id"].dims != selected_.dims))
      refuse_axes("[feature, token], or [token, rank] with the variable feature_id");
    require_tokens_of_prompt();
    if (of_all) return of_features(selected_.values);
    const at::Tensor ids = dataset_["feature_id"].tensor.to(at::kLong);
    for (std::int64_t token = 0; token < ids.size(0); ++token)
      for (std::int64_t rank = 0; rank < ids.size(1); ++rank)
        if (const auto id = ids[token][rank].item<std::int64_t>(); id >= 0)
          put(feature_item(id, token), selected_.values[token][rank]);
    // A prompt on which no feature is active is answered, too.
    if (items_.values.empty()) items_.values[feature_item(0, 0)] = 0;
    return items_;
  }

  void require_tokens_of_prompt() const {
    const std::int64_t found = selected_.values.size(axis_of("token")),
                       expected = std::ssize(task_.prompts[prompt_].ids);
    if (found != expected)
      refuse(variable_, "claim '" + claim_.name + "' is about the " + std::to_string(expected) +
                            " tokens of the prompt, found " + std::to_string(found) +
                            "; give one number for each");
  }

  ClaimedItems of_features(const at::Tensor& values) {
    for (std::int64_t feature = 0; feature < values.size(0); ++feature)
      for (std::int64_t place = 0; place < values.size(1); ++place)
        put(feature_item(feature, place), values[feature][place]);
    return items_;
  }

  /// Layers by number, with the selectivity where the result has one.
  ClaimedItems presence() {
    if (!selected_.dims.empty() && selected_.dims.back() == "fold") {
      selected_.values = selected_.values.nanmean(at::IntArrayRef{-1});
      selected_.dims.pop_back();
    }
    const std::vector<std::int64_t> layers = layers_of_points();
    const bool selective =
        dataset_.contains("selectivity") && dataset_["selectivity"].dims == selected_.dims;
    const at::Tensor selectivity = selective ? dataset_["selectivity"].tensor : at::Tensor();
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      if (layers[i] < 0) continue;  // not a stream
      put(std::to_string(layers[i]), selected_.values[row]);
      if (selective) put(selectivity_item(layers[i]), selectivity[row]);
    }
    return items_;
  }

  /// Layers along the one axis that is left.
  std::vector<std::int64_t> layers_of_points() const {
    const bool named = dataset_.contains("layer") && !dataset_["layer"].is_text() &&
                       dataset_["layer"].dims == selected_.dims;
    const bool of_stream = has_dims({"layer"}) && selected_.values.size(0) == spec_.n_layers + 1;
    if (!of_stream && !(named && (has_dims({"layer"}) || has_dims({"point"}))))
      refuse_axes(
          "[layer] with one layer more than blocks, or [layer] or [point] with the coordinate "
          "layer, each perhaps with fold");
    std::vector<std::int64_t> layers;
    for (std::int64_t i = 0; i < selected_.values.size(0); ++i)
      layers.push_back(named ? dataset_["layer"].tensor[i].item<std::int64_t>() : i);
    return layers;
  }

  const Dataset& dataset_;
  const Variable& variable_;
  const Claim& claim_;
  const TransformerSpec& spec_;
  const Task& task_;
  std::size_t prompt_;
  double sign_;
  Selected selected_;
  ClaimedItems items_;
};

}  // namespace

std::string edge_item(const Edge& edge) {
  return edge.source + ">" + edge.target + "." + edge.slot;
}

std::string stream_item(std::int64_t layer, std::int64_t position) {
  return std::to_string(layer) + "," + std::to_string(position);
}

std::string feature_item(std::int64_t feature, std::int64_t place) {
  return std::to_string(feature) + "," + std::to_string(place);
}

std::string selectivity_item(std::int64_t layer) {
  return "selectivity " + std::to_string(layer);
}

ClaimedItems claimed_items(const Dataset& dataset, const Variable& variable, const Claim& claim,
                           const TransformerSpec& spec, const Task& task, std::size_t prompt) {
  return ItemReader(dataset, variable, claim, spec, task, prompt).read();
}

}  // namespace lensbench::grading
