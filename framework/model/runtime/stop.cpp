#include "model/runtime/stop.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/profile.hpp>
#include <lensbench/weight_changes.hpp>
#include <utility>

#include "model/intervention/changes_generated.hpp"
#include "model/runtime/profiled.hpp"
#include "model/weights/changed_weights.hpp"
#include "model/weights/weight_versions.hpp"

namespace lensbench {
namespace {

class StoppableModel final : public Model,
                             public Profiled,
                             public Reweighted,
                             public LendsWeights,
                             public ChangesGenerated {
 public:
  StoppableModel(std::shared_ptr<const Model> model, std::function<bool()> should_stop)
      : model_(std::move(model)), should_stop_(std::move(should_stop)) {}

  const TransformerSpec& spec() const override { return model_->spec(); }
  const ModelOptions& options() const override { return model_->options(); }
  const std::filesystem::path& directory() const override { return model_->directory(); }
  std::vector<ModelFile> files() const override { return model_->files(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return model_->tokenizer(); }
  std::vector<std::int64_t> end_of_sequence_ids() const override {
    return model_->end_of_sequence_ids();
  }
  at::Tensor final_norm(const at::Tensor& residual) const override {
    check();
    return model_->final_norm(residual);
  }
  at::Tensor unembed(const at::Tensor& normalized) const override {
    check();
    return model_->unembed(normalized);
  }
  const Unembedding& unembedding() const override { return model_->unembedding(); }
  at::Tensor weight(std::string_view name) const override { return model_->weight(name); }
  void check_reached(std::int64_t positions) const override { model_->check_reached(positions); }

  ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options,
                        const Hooks& hooks) const override {
    check();
    Hooks all = hooks;
    const std::int64_t n_layers = spec().n_layers;
    const std::int64_t end = std::min(n_layers, options.stop_at_layer.value_or(n_layers));
    for (std::int64_t layer = options.start_at_layer + 1; layer <= end; ++layer)
      all.read(residual_hook(spec(), layer),
               [this](const at::Tensor&, const HookPoint&) { check(); });
    return model_->forward(tokens, options, all);
  }

  void check_generated(std::int64_t prompt, std::int64_t positions) const override {
    if (const auto* inner = dynamic_cast<const ChangesGenerated*>(model_.get()))
      inner->check_generated(prompt, positions);
  }
  Profile* profile() const override { return profile_of(*model_); }
  std::shared_ptr<const Model> profiled(std::shared_ptr<Profile> profile) const override {
    return with_stop(with_profile(model_, std::move(profile)), should_stop_);
  }
  std::vector<std::string> changed_parts() const override { return changed_parts_of(*model_); }
  const std::vector<WeightChange>& changes() const override {
    static const std::vector<WeightChange> none;
    const auto* own = dynamic_cast<const Reweighted*>(model_.get());
    return own == nullptr ? none : own->changes();
  }
  std::shared_ptr<const Model> reweighted(const std::vector<WeightChange>& changes) const override {
    return with_stop(with_weights(model_, changes), should_stop_);
  }

 private:
  void check() const {
    if (should_stop_()) throw RunError("the run was cancelled");
  }

  std::shared_ptr<const Model> model_;
  std::function<bool()> should_stop_;
};

}  // namespace

std::shared_ptr<const Model> with_stop(std::shared_ptr<const Model> model,
                                       std::function<bool()> should_stop) {
  return std::make_shared<StoppableModel>(std::move(model), std::move(should_stop));
}

}  // namespace lensbench
