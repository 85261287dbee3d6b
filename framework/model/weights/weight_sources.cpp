#include "model/weights/weight_sources.hpp"

#include <ATen/ops/empty.h>

#include <utility>

namespace lensbench {
namespace {

/// Records the requested weights and returns tensors without storage, so that a family can slice
/// them like real ones.
class SourceTaker final : public WeightTaker {
 public:
  SourceTaker(std::string_view prefix, const FamilySettings& settings)
      : WeightTaker(settings), prefix_(prefix) {}

  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override {
    return note({prefix_ + name, name, shape});
  }
  at::Tensor take_head(const std::string& name, const std::vector<std::int64_t>& shape) override {
    return note({name, name, shape});
  }
  at::Tensor take_wide(const std::string& name, const std::vector<std::int64_t>& shape) override {
    return take(name, shape);
  }
  // Alternative names do not exist, so the families choose their usual ones.
  bool has(const std::string&) const override { return false; }
  Unembedding take_unembedding(const TransformerSpec& spec, const std::string& name,
                               at::Tensor& embedding) override {
    // Weight tying is decided by the spec, since there is no file to look at.
    Unembedding unembedding;
    unembedding.weight = spec.tied_unembedding
                             ? embedding
                             : take_head(name, {spec.vocab_size, spec.embedding_width()});
    return unembedding;
  }

  std::vector<WeightSource> sources() && { return std::move(sources_); }

 private:
  at::Tensor note(WeightSource tensor) {
    sources_.push_back(std::move(tensor));
    // A tensor of the device `meta` has a shape and no memory.
    return at::empty(sources_.back().shape,
                     at::TensorOptions().device(at::kMeta).dtype(at::kFloat));
  }

  std::string prefix_;
  std::vector<WeightSource> sources_;
};

}  // namespace

std::vector<WeightSource> weight_sources(const Family& family, const TransformerSpec& spec,
                                         const FamilySettings& settings) {
  SourceTaker taker(family.optional_prefix, settings);
  family.take_weights(spec, taker);
  return std::move(taker).sources();
}

}  // namespace lensbench
