#pragma once

#include <lensbench/model.hpp>
#include <lensbench/profile.hpp>
#include <memory>

#include "model/weights/weights.hpp"

namespace lensbench {

/// Interface of models that can be profiled.
class Profiled {
 public:
  virtual Profile* profile() const = 0;
  virtual std::shared_ptr<const Model> profiled(std::shared_ptr<Profile> profile) const = 0;

 protected:
  ~Profiled() = default;
};

std::int64_t bytes_of(const at::Tensor& tensor);
std::int64_t bytes_of(const Linear& linear);
std::int64_t bytes_of(const NormWeights& norm);
std::int64_t bytes_of(const LatentWeights& latent);
/// Weight bytes of attention: projections and the norms of queries and keys.
std::int64_t attention_bytes(const BlockWeights& block);
/// Weight bytes of the MLP; in a mixture only the router, since experts are counted as they run.
std::int64_t mlp_bytes(const BlockWeights& block);

}  // namespace lensbench
