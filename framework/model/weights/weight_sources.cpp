#include "model/weights/weight_sources.hpp"

#include <ATen/ops/empty.h>

#include <utility>

namespace lensbench {
namespace {

/// Notes what is asked for and hands out tensors without storage, so that a family can take them
/// apart as it would real ones.
class PlanTaker final : public WeightTaker {
 public:
  explicit PlanTaker(std::string_view prefix) : prefix_(prefix) {}

  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override {
    return note({prefix_ + name, name, shape});
  }
  at::Tensor take_head(const std::string& name, const std::vector<std::int64_t>& shape) override {
    return note({name, name, shape});
  }
  bool has(const std::string&) const override { return false; }
  Unembedding take_unembedding(const TransformerSpec& spec, const std::string& name,
                               const at::Tensor& embedding) override {
    Unembedding unembedding;
    unembedding.weight = spec.tied_unembedding
                             ? embedding
                             : take_head(name, {spec.vocab_size, spec.embedding_width()});
    return unembedding;
  }

  std::vector<PlannedTensor> plan() && { return std::move(plan_); }

 private:
  at::Tensor note(PlannedTensor tensor) {
    plan_.push_back(std::move(tensor));
    return at::empty(plan_.back().shape, at::TensorOptions().device(at::kMeta).dtype(at::kFloat));
  }

  std::string prefix_;
  std::vector<PlannedTensor> plan_;
};

}  // namespace

std::vector<PlannedTensor> plan_weights(const Family& family, const TransformerSpec& spec) {
  PlanTaker taker(family.optional_prefix);
  family.place(spec, taker);
  return std::move(taker).plan();
}

}  // namespace lensbench
