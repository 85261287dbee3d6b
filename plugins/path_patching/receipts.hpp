#pragma once

#include <lensbench/metric.hpp>
#include <lensbench/sweep_receipts.hpp>

#include "runs.hpp"

namespace lensbench::paths {

/// Replaces the inputs of all receivers at once by those that all senders together give: the run
/// must become the source run. The last stream is also made from all senders at once, and, where
/// MLPs run again, from embedding and attention alone.
/// \param check          for the size of metrics
/// \param source_metric  metric of the source run
Receipt all_paths_give_the_source(const SweepCheck& check, const RunPair& pair,
                                  double source_metric, bool recompute_mlps);

/// Change of a target's logit by the direct path of each sender, at the base's norm scale.
/// \return [sender] float64
at::Tensor frozen_norm_effects(const RunPair& pair, const std::vector<Sender>& senders,
                               const MetricReader& reader);

/// Compares these effects with the direct logit attributions of both runs by the activation cache.
Receipt frozen_norm_is_direct_attribution(const RunPair& pair, const Tokens& source,
                                          const std::vector<Sender>& senders,
                                          const MetricReader& reader, const at::Tensor& effects);

}  // namespace lensbench::paths
