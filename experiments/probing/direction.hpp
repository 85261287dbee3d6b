#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>
#include <lensbench/tools/probe.hpp>
#include <string>
#include <vector>

namespace probing_experiment {

/// The probe of one depth, as stored among the results.
struct ChosenProbe {
  /// Reads the probe of the chosen point from a result of the tool with the attribute
  /// `chosen_point`.
  explicit ChosenProbe(const lensbench::Dataset& result);

  /// Number of the label that the probe reads in an activation. \param x  [d_model] float64
  std::int64_t predicted(const at::Tensor& x) const;

  std::int64_t layer = 0;            ///< depth of the stream
  std::vector<std::string> classes;  ///< names of the labels, in order
  at::Tensor weights;                ///< [class, d_model] float64
  at::Tensor intercepts;             ///< [class] float64
};

/// Stream of a text at a depth, as a probe reads it, [d_model] float64.
/// \param position  counted from the start; -1: the mean of all
at::Tensor stream_at(const lensbench::Model& model, const lensbench::Tokens& tokens,
                     std::int64_t layer, std::int64_t position);

/// Adds what the second half needs to a result of the tool: the attributes `chosen_point` and
/// `chosen_layer` of the point with the largest held-out accuracy, the first of equal ones, and for
/// two labels `label_distance`, how far the means of the labels are apart along the direction of
/// that point.
/// \param examples  those that the probe was fitted to
/// \param numbers   numbers of their cases, which become `case_of_example`
/// \param position  as the parameter of the tool
void add_choice(lensbench::Dataset& result, const lensbench::Model& model,
                const std::vector<lensbench::ProbeExample>& examples,
                const std::vector<std::int64_t>& numbers, const std::string& position);

/// The result that one of the cases saved with its choice, as `probe`, and with the numbers of the
/// cases that it was fitted to. \throws RunError if there is none, since that case failed
lensbench::Dataset probe_of(const lensbench::Summary& summary);

/// Numbers of the completed cases that the probe was not fitted to, in order.
std::vector<std::int64_t> measuring_cases(const lensbench::Summary& summary,
                                          const lensbench::Dataset& probe);

}  // namespace probing_experiment
