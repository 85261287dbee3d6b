#include "model/forward/transformer_model.hpp"

#include <utility>

#include "model/forward/forward.hpp"
#include "model/forward/linear.hpp"
#include "model/forward/prediction_head.hpp"
#include "model/runtime/profiled.hpp"
#include "model/vision/tower_tokens.hpp"
#include "model/weights/changed_weights.hpp"
#include "model/weights/quantized_tensor.hpp"
#include "model/weights/weight_names.hpp"
#include "model/weights/weight_versions.hpp"

namespace lensbench {
namespace {

/// A model with weights in memory. It is immutable: a profile or changed weights make another model
/// that shares the tensors.
class TransformerModel final : public Model,
                               public Profiled,
                               public Reweighted,
                               public LendsWeights {
 public:
  /// \param versions  of the same weights in another model; nullptr: they are new
  TransformerModel(TransformerSpec spec, ModelWeights weights, ModelParts parts,
                   std::shared_ptr<Profile> profile = nullptr,
                   std::shared_ptr<const WeightVersions> versions = nullptr)
      : spec_(std::move(spec)),
        weights_(std::move(weights)),
        parts_(std::move(parts)),
        profile_(std::move(profile)),
        versions_(versions ? std::move(versions) : std::make_shared<WeightVersions>(weights_)) {
    // Models with other weights of the tower do not share what it made of pictures.
    if (spec_.vision) weights_.tower_tokens = std::make_shared<TowerTokens>();
  }

  const TransformerSpec& spec() const override { return spec_; }
  const ModelOptions& options() const override { return parts_.options; }
  const std::filesystem::path& directory() const override { return parts_.directory; }
  std::vector<ModelFile> files() const override { return parts_.files; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return parts_.tokenizer; }
  std::vector<std::int64_t> end_of_sequence_ids() const override {
    return parts_.end_of_sequence_ids;
  }

  ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options,
                        const Hooks& hooks) const override {
    return run_forward(spec_, weights_, tokens, options, hooks, profile_.get());
  }

  // The next two functions follow the caller's gradient mode, since a metric may use them.
  at::Tensor final_norm(const at::Tensor& residual) const override {
    const ProfileScope scope(profile_.get(), -1, "norm");
    return unembedding_input(spec_, weights_, residual);
  }
  at::Tensor unembed(const at::Tensor& normalized) const override {
    ProfileScope scope(profile_.get(), -1, "unembed");
    if (scope.active()) scope.reads(bytes_of(weights_.unembedding.weight));
    return unembed_rows(normalized, weights_.unembedding);
  }
  const Unembedding& unembedding() const override { return weights_.unembedding; }

  at::Tensor weight(std::string_view name) const override {
    return readable(named_weight(spec_, weights_, name));
  }

  const std::vector<std::string>& notes() const { return parts_.notes; }
  const std::vector<std::string>& generation_notes() const { return parts_.generation_notes; }
  Profile* profile() const override { return profile_.get(); }
  // Tensors are shared: the copies are handles.
  std::shared_ptr<const Model> profiled(std::shared_ptr<Profile> profile) const override {
    return std::make_shared<TransformerModel>(spec_, weights_, parts_, std::move(profile),
                                              versions_);
  }
  std::vector<std::string> changed_parts() const override { return versions_->changed_parts(); }
  const std::vector<WeightChange>& changes() const override { return parts_.changes; }
  std::shared_ptr<const Model> reweighted(const std::vector<WeightChange>& changes) const override {
    ModelParts parts = parts_;
    // Earlier changes stay in the list, since the archive records how the weights came about.
    parts.changes.insert(parts.changes.end(), changes.begin(), changes.end());
    return std::make_shared<TransformerModel>(spec_, changed_weights(spec_, weights_, changes),
                                              std::move(parts), profile_);
  }

 private:
  TransformerSpec spec_;
  ModelWeights weights_;
  ModelParts parts_;
  std::shared_ptr<Profile> profile_;
  std::shared_ptr<const WeightVersions> versions_;
};

}  // namespace

Model::~Model() = default;

/// Models without interventions have nothing that a sequence must reach.
void Model::check_reached(std::int64_t) const {}

/// The only way to a model; a configuration that the forward does not implement is refused first.
std::shared_ptr<const Model> make_model(TransformerSpec spec, ModelWeights weights,
                                        ModelParts parts) {
  require_supported(spec);
  return std::make_shared<TransformerModel>(std::move(spec), std::move(weights), std::move(parts));
}

/// Notes from opening the checkpoint; other implementations of Model, as in tests, lack them.
const std::vector<std::string>& notes_of(const Model& model) {
  static const std::vector<std::string> none;
  const auto* opened = dynamic_cast<const TransformerModel*>(&model);
  return opened == nullptr ? none : opened->notes();
}

const std::vector<std::string>& generation_notes_of(const Model& model) {
  static const std::vector<std::string> none;
  const auto* opened = dynamic_cast<const TransformerModel*>(&model);
  return opened == nullptr ? none : opened->generation_notes();
}

}  // namespace lensbench
