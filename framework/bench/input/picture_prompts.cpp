#include "bench/input/picture_prompts.hpp"

#include <lensbench/profile.hpp>
#include <lensbench/weight_changes.hpp>
#include <utility>

#include "model/intervention/changes_generated.hpp"
#include "model/runtime/profiled.hpp"
#include "model/weights/changed_weights.hpp"
#include "model/weights/weight_versions.hpp"

// Every place that makes the tokens of a case has the context of the run, and so its model: the
// model takes the pictures of the cases there.

namespace lensbench {
namespace {

/// Passes everything on to another model.
class PromptedModel final : public Model,
                            public Profiled,
                            public Reweighted,
                            public LendsWeights,
                            public ChangesGenerated {
 public:
  PromptedModel(std::shared_ptr<const Model> model, std::shared_ptr<const PicturePrompts> prompts)
      : model_(std::move(model)), prompts_(std::move(prompts)) {}

  const PicturePrompts& prompts() const { return *prompts_; }

  const TransformerSpec& spec() const override { return model_->spec(); }
  const ModelOptions& options() const override { return model_->options(); }
  const std::filesystem::path& directory() const override { return model_->directory(); }
  std::vector<ModelFile> files() const override { return model_->files(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return model_->tokenizer(); }
  std::vector<std::int64_t> end_of_sequence_ids() const override {
    return model_->end_of_sequence_ids();
  }
  ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options,
                        const Hooks& hooks) const override {
    return model_->forward(tokens, options, hooks);
  }
  void check_reached(std::int64_t positions) const override { model_->check_reached(positions); }
  at::Tensor final_norm(const at::Tensor& residual) const override {
    return model_->final_norm(residual);
  }
  at::Tensor unembed(const at::Tensor& normalized) const override {
    return model_->unembed(normalized);
  }
  const Unembedding& unembedding() const override { return model_->unembedding(); }
  at::Tensor weight(std::string_view name) const override { return model_->weight(name); }

  void check_generated(std::int64_t prompt, std::int64_t positions) const override {
    if (const auto* inner = dynamic_cast<const ChangesGenerated*>(model_.get()))
      inner->check_generated(prompt, positions);
  }
  Profile* profile() const override { return profile_of(*model_); }
  std::shared_ptr<const Model> profiled(std::shared_ptr<Profile> profile) const override {
    return std::make_shared<PromptedModel>(with_profile(model_, std::move(profile)), prompts_);
  }
  std::vector<std::string> changed_parts() const override { return changed_parts_of(*model_); }
  const std::vector<WeightChange>& changes() const override {
    static const std::vector<WeightChange> none;
    const auto* own = dynamic_cast<const Reweighted*>(model_.get());
    return own == nullptr ? none : own->changes();
  }
  std::shared_ptr<const Model> reweighted(const std::vector<WeightChange>& changes) const override {
    return std::make_shared<PromptedModel>(with_weights(model_, changes), prompts_);
  }

 private:
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const PicturePrompts> prompts_;
};

}  // namespace

PicturePrompts::~PicturePrompts() = default;

std::shared_ptr<const Model> with_picture_prompts(std::shared_ptr<const Model> model,
                                                  std::shared_ptr<const PicturePrompts> prompts) {
  if (!prompts) return model;
  return std::make_shared<PromptedModel>(std::move(model), std::move(prompts));
}

const PicturePrompts* picture_prompts_of(const Model& model) {
  const auto* prompted = dynamic_cast<const PromptedModel*>(&model);
  return prompted == nullptr ? nullptr : &prompted->prompts();
}

const PicturePrompts* picture_prompts_of(const Model& model, const std::string& case_id) {
  const PicturePrompts* prompts = picture_prompts_of(model);
  return prompts != nullptr && prompts->has(case_id) ? prompts : nullptr;
}

}  // namespace lensbench
