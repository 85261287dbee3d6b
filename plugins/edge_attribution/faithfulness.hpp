#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/dataset.hpp>
#include <vector>

#include "circuit.hpp"
#include "circuit_run.hpp"

namespace lensbench::edges {

/// Seed stream of random circuits.
inline constexpr std::int64_t kRandomCircuits = 31;

/// Circuits of all shares by both rankings and at random, and what they give.
struct Faithfulness {
  std::vector<std::int64_t> edges_kept;  ///< by share, of the ranking by importance
  at::Tensor in_circuit;                 ///< [share, edge] bool, of that ranking
  at::Tensor metrics;                    ///< [ranking, share] float64: importance, magnitude
  at::Tensor random;                     ///< [share, draw] float64
  double all = 0, none = 0;              ///< metrics of every edge and of no edge
  at::Tensor circuits;                   ///< [circuit, edge] bool, as they were run
  at::Tensor circuit_metrics;            ///< [circuit] float64
};

/// Chooses and runs the circuits.
/// \param importance  [edge] float64
/// \param nodes       [sender] float64, larger is better; read for the level `node` alone
Faithfulness measure_faithfulness(Context& context, const CircuitInputs& inputs,
                                  const at::Tensor& importance, const at::Tensor& nodes,
                                  const EdgeAttributionOptions& options);

/// Adds the variables of circuits. \param units  unit of the metric
void add_faithfulness(Dataset& dataset, const Faithfulness& found,
                      const EdgeAttributionOptions& options, const char* units);

}  // namespace lensbench::edges
