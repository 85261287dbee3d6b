#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "grading/plant/wiring.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Basis of the stream: logical dimensions as coordinates, or turned at random.
enum class Gauge { aligned, rotated };

/// A checkpoint in memory.
struct Assembled {
  nlohmann::json config;
  std::map<std::string, at::Tensor> tensors;  ///< float32
  std::vector<Role> components, neurons;
  std::optional<FeatureTruth> features;  ///< in the basis of the stream
};

/// Puts a wiring into the weights of its family: of a GPT-2, whose norms then change nothing: every
/// write sums to zero by one dimension that balances it, and two dimensions hold so large a
/// constant that the scale is the same everywhere. Gains are random and taken off where the stream
/// is read, as are the biases of norms. The order of dimensions, heads and neurons is random.
Assembled assemble(Wiring wiring, Gauge gauge, Philox& random);

}  // namespace lensbench::grading
