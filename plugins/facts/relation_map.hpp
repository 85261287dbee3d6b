#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <lensbench/tools/facts.hpp>
#include <utility>
#include <vector>

#include "plan.hpp"

namespace lensbench::facts {

/// First-order approximation of a run around one subject.
struct Linearization {
  at::Tensor jacobian;  ///< [d_model, d_model] float64: d object_i / d subject_j
  at::Tensor subject;   ///< [d_model] float64, stream at the subject's last token
  at::Tensor object;    ///< [d_model] float64, last stream at the last token
};

/// Linearises the last stream at the last token in the subject's stream at a depth.
/// \param rows  rows of the Jacobian that one backward pass computes
Linearization linearize(const Model& model, const Prompt& prompt, std::int64_t layer,
                        std::int64_t rows);

/// Linear map of a relation, o = beta W s + b.
struct RelationMap {
  at::Tensor weight;       ///< W, [d_model, d_model] float64, mean Jacobian
  at::Tensor bias;         ///< b, [d_model], mean of o - J s
  at::Tensor mean_object;  ///< [d_model], mean of o, the control
};

/// Sums linearisations, so that one Jacobian is in memory at a time.
class MapFit {
 public:
  void add(const Linearization& part);
  /// The means. At least one part must have been added.
  RelationMap map() const;

 private:
  RelationMap sum_;
  std::int64_t count_ = 0;
};

/// Subjects of a relation by their prompts, split by the seed.
struct MapSplit {
  std::vector<std::size_t> training, held_out;  ///< indices of prompts
};

/// Splits the subjects of a relation, each once, with the prompts of their first templates. At
/// most half of them, and at most `map_training`, are for training; none if there is one subject.
MapSplit split_subjects(const FactsPlan& plan, std::size_t relation, std::int64_t most_training,
                        std::uint64_t seed);

/// Agreement of a map with the model.
struct MapResult {
  double faithfulness = 0, low = 0, high = 0, control = 0;  ///< NaN without held-out subjects
  std::int64_t training = 0, held_out = 0;
  double single_row_error = 0;  ///< error of rows run alone, relative to the largest entry
};

/// Share of prompts whose first choice the map gives, from o = beta W s + b.
double map_agreement(const Model& model, const FactsPlan& plan,
                     const std::vector<std::size_t>& prompts, const RelationMap& map,
                     std::int64_t layer, double beta);

/// Fits and measures the map of a relation.
/// \param finished  called after each training subject
MapResult measure_map(const Context& context, const FactsPlan& plan, std::size_t relation,
                      const FactsOptions& options, const std::function<void()>& finished);

/// Wilson's 95 % interval of a share (JASA 22, 1927), which has a width even where all or none of
/// a few cases agree. \return low and high, NaN without cases
std::pair<double, double> wilson_interval(double share, std::int64_t cases);

}  // namespace lensbench::facts
