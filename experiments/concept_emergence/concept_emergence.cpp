// At which layer a vision-language model knows what a picture shows: the lens on every picture, and
// statistics of the answer by the labels of the pictures, against the answers without the picture.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/vision_lens.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/results.hpp"
#include "groups.hpp"

namespace concept_emergence {
namespace {

using namespace lensbench;

/// Values of some pictures, [picture, ...].
at::Tensor rows_of(const at::Tensor& values, const std::vector<std::int64_t>& pictures) {
  return values.index_select(0, at::tensor(pictures, at::kLong));
}

/// Means over pictures with their intervals; the pictures are drawn anew with replacement.
statistics::Bootstrap means(const at::Tensor& values, const statistics::Resampling& resampling) {
  const at::Tensor flat = values.reshape({values.size(0), -1}).to(at::kDouble).contiguous();
  return statistics::bootstrap(
      static_cast<std::size_t>(values.size(0)),
      [&](const std::vector<std::size_t>& cases) {
        const std::vector<std::int64_t> drawn(cases.begin(), cases.end());
        return statistics::values_of(flat.index_select(0, at::tensor(drawn, at::kLong)).mean(0));
      },
      resampling);
}

/// Bootstraps of several groups as one: the axis of the groups comes first.
statistics::Bootstrap joined(const std::vector<statistics::Bootstrap>& groups) {
  statistics::Bootstrap all;
  for (const statistics::Bootstrap& one : groups)
    all.intervals.insert(all.intervals.end(), one.intervals.begin(), one.intervals.end());
  return all;
}

/// Lower bounds in the shape of one group.
at::Tensor lower_bounds(const statistics::Bootstrap& group, at::IntArrayRef shape) {
  std::vector<double> low;
  low.reserve(group.intervals.size());
  for (const auto& interval : group.intervals) low.push_back(interval.low);
  return at::tensor(low, at::kDouble).reshape(shape);
}

/// The table over labels, part by part.
class Table {
 public:
  Table(const Answers& answers, const Dataset& like, const Parameters& parameters,
        std::uint64_t seed)
      : answers_(answers), labels_(labels_of(answers)), within_(parameters.integer("within")) {
    resampling_.samples = parameters.integer("samples");
    resampling_.seed = seed;
    for (const std::string& label : labels_) groups_.push_back(pictures_of(answers, label));
    table_.add_coordinate("label", labels_, "label of the pictures");
    for (const char* name : {"layer", "layer_label", "concept"}) table_.add(like[name]);
    if (answers.control_rank.defined()) table_.add(like["control"]);
    layers_ = statistics::values_of(like["layer"].tensor.to(at::kDouble));
  }

  Dataset made() {
    add_counts();
    add_answers();
    add_separation();
    if (answers_.control_rank.defined()) add_controls();
    table_.attributes["pictures"] = static_cast<std::int64_t>(answers_.labels.size());
    table_.attributes["within"] = within_;
    return std::move(table_);
  }

 private:
  std::vector<std::int64_t> shape(std::vector<std::int64_t> rest) const {
    rest.insert(rest.begin(), std::ssize(labels_));
    return rest;
  }

  void add_counts() {
    std::vector<std::int64_t> counts;
    counts.reserve(groups_.size());
    for (const auto& group : groups_) counts.push_back(std::ssize(group));
    table_.add("picture_count", {"label"}, at::tensor(counts, at::kLong), "1",
               "number of pictures of the label");
  }

  /// Means of a value over the pictures of each label.
  std::vector<statistics::Bootstrap> by_label(const at::Tensor& values) const {
    std::vector<statistics::Bootstrap> groups;
    groups.reserve(groups_.size());
    for (const auto& group : groups_) groups.push_back(means(rows_of(values, group), resampling_));
    return groups;
  }

  void add_answers() {
    const std::vector<std::string> dims = {"label", "layer", "concept"};
    const std::vector<std::int64_t> sizes = shape(answers_.rank.sizes().slice(1).vec());
    common::add_estimates(table_,
                          {"log_probability", dims, "nats",
                           "mean ln probability of the concept at the last position"},
                          joined(by_label(answers_.log_probability)), 0, sizes, resampling_);
    common::add_estimates(
        table_,
        {"settled_share", dims, "1",
         "share of pictures whose rank stays within the limit from this layer on"},
        joined(by_label(settled(answers_.rank, within_))), 0, sizes, resampling_);
  }

  void add_separation() {
    std::vector<at::Tensor> by_label;
    by_label.reserve(groups_.size());
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      std::vector<std::int64_t> others;
      for (std::size_t j = 0; j < groups_.size(); ++j)
        if (j != i) others.insert(others.end(), groups_[j].begin(), groups_[j].end());
      by_label.push_back(separation(rows_of(answers_.log_probability, groups_[i]),
                                    rows_of(answers_.log_probability, others)));
    }
    table_.add("separation", {"label", "layer", "concept"}, at::stack(by_label), "1",
               "share of pairs in which the picture of the label has the larger ln probability "
               "(NaN: one label)");
  }

  void add_controls() {
    const at::Tensor gains =
        answers_.log_probability.unsqueeze(1) - answers_.control_log_probability;
    const std::vector<std::int64_t> of_picture = gains.sizes().slice(1).vec();
    const std::vector<statistics::Bootstrap> groups = by_label(gains);
    const std::vector<std::string> dims = {"label", "control", "layer", "concept"};
    common::add_estimates(
        table_,
        {"gain", dims, "nats", "mean of ln probability with the picture minus that of the control"},
        joined(groups), 0, shape(of_picture), resampling_);
    common::add_estimates(table_,
                          {"control_settled_share", dims, "1", "settled_share of the control"},
                          joined(by_label(settled(answers_.control_rank, within_))), 0,
                          shape(of_picture), resampling_);
    std::vector<double> emergence;
    for (const statistics::Bootstrap& group : groups) {
      const at::Tensor low = lower_bounds(group, of_picture);
      for (std::int64_t control = 0; control < low.size(0); ++control)
        for (const std::int64_t index : first_above_zero(low[control]))
          emergence.push_back(index < 0 ? -1 : layers_[static_cast<std::size_t>(index)]);
    }
    table_.add("emergence_layer", {"label", "control", "concept"},
               at::tensor(emergence, at::kDouble)
                   .to(at::kInt)
                   .reshape({std::ssize(labels_), of_picture[0], of_picture[2]}),
               "1",
               "first layer from which on the whole interval of the gain is above 0; -1: none");
  }

  const Answers& answers_;
  std::vector<std::string> labels_;
  std::int64_t within_;
  statistics::Resampling resampling_;
  std::vector<std::vector<std::int64_t>> groups_;  ///< pictures of each label
  std::vector<double> layers_;
  Dataset table_;
};

class ConceptEmergence final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"concepts", ParameterType::text, nullptr, "",
       "Concepts, as in eye=Ġeye|Ġeyes,cat (see vision_lens)."},
      {"within", ParameterType::integer, "5", "1", "Largest rank that counts as known.",
       "[1, inf)"},
      {"top_k", ParameterType::integer, "5", "tokens",
       "Number of best tokens to list at each layer and token.", "[1, inf)"},
      {"layers", ParameterType::integers, "", "", "Layers to decode (default: all).", "[0, inf)"},
      {"every", ParameterType::integer, "1", "tokens", "Decode every n-th token of each picture.",
       "[1, inf)"},
      {"samples", ParameterType::integer, "2000", "1", "Random samples for intervals.",
       "[100, inf)"},
      {"residual", ParameterType::boolean, "false", "",
       "Also store the residual stream at the tokens of pictures."},
      {"tower", ParameterType::boolean, "false", "",
       "Also read the tower lens of each picture (see vision_lens)."},
      {"tower_layers", ParameterType::integers, "", "",
       "Layers of the tower to decode with tower=true (default: all).", "[0, inf)"},
  };

  void check_parameters(const Parameters& parameters, const Model& model) override {
    Experiment::check_parameters(parameters, model);
    if (parameters.text("concepts").empty())
      throw UsageError("concept_emergence: concepts is empty; give --set concepts=eye=Ġeye|Ġeyes");
  }

  void run(Case& c) override {
    const Parameters& given = c.parameters();
    Settings settings;
    for (const char* name :
         {"concepts", "within", "top_k", "layers", "every", "residual", "tower", "tower_layers"})
      settings[name] = given.values().at(name);
    // `run` reads the rectangles from the request, which has the pictures.
    c.save(kLens, lens_->run(c.request(lens_->parameters(settings))));
  }

  void finish(Summary& summary) override {
    const Answers answers = read_answers(summary, kLens);
    if (answers.labels.empty()) return;
    const Dataset first = summary.dataset(summary.cases().front(), kLens);
    Table table(answers, first, summary.parameters(), summary.seed());
    summary.save("emergence", table.made());
  }

 private:
  static constexpr const char* kLens = "vision_lens";
  Uses<VisionLens> lens_{this, "vision_lens"};
};

}  // namespace
}  // namespace concept_emergence

LENSBENCH_EXPERIMENT(concept_emergence::ConceptEmergence, "concept_emergence", "1.0.0",
                     "At which layer does a model know what a picture shows?");
