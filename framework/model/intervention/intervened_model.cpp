#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <map>
#include <set>
#include <utility>

#include "model/forward/kv_cache.hpp"
#include "model/hooks/hook_points.hpp"
#include "model/hooks/read_activations.hpp"
#include "model/intervention/actions.hpp"
#include "model/intervention/changes_generated.hpp"
#include "model/intervention/prepared.hpp"
#include "model/intervention/region.hpp"
#include "model/runtime/profiled.hpp"
#include "model/weights/changed_weights.hpp"
#include "model/weights/weight_versions.hpp"

namespace lensbench {
namespace {

/// True if a forward continues a sequence: its pictures, if it had any, were read before.
bool continues(const ForwardOptions& options) {
  return (options.cache != nullptr && options.cache->length() > 0) ||
         (options.prefix != nullptr && options.prefix_columns > 0);
}

/// True if a forward with these options reaches the point; a partial forward leaves out the
/// interventions outside its part.
bool runs(const TransformerSpec& spec, const ForwardOptions& options, const HookPoint& point) {
  if (is_of_tower(point.name)) return !options.residual.defined() && !continues(options);
  if (point.layer >= 0)
    return point.layer >= options.start_at_layer &&
           point.layer < options.stop_at_layer.value_or(spec.n_layers);
  const bool at_end = point.name.starts_with("ln_final.") || point.name.starts_with("unembed.");
  if (!at_end) return !options.residual.defined();
  return !options.stop_at_layer && options.logits != ForwardOptions::Logits::none;
}

bool of_tower_alone(const Prepared& one) {
  return std::all_of(one.points.begin(), one.points.end(),
                     [](const HookPoint& point) { return is_of_tower(point.name); });
}

bool with_pictures(const TokenBatch& tokens) {
  return std::any_of(tokens.pictures.begin(), tokens.pictures.end(),
                     [](const auto& row) { return !row.empty(); });
}

/// Hooks of all interventions for one forward. `prepared` must outlive them.
Hooks hooks_of(const TransformerSpec& spec, const std::vector<Prepared>& prepared,
               const ForwardOptions& options, bool pictures,
               const std::shared_ptr<const std::map<std::string, at::Tensor>>& frozen) {
  Hooks hooks;
  for (const Prepared& one : prepared)
    for (const HookPoint& point : one.points) {
      if (!runs(spec, options, point)) continue;
      // A text has only the points of the model, not those of the tower.
      if (!pictures && is_of_tower(point.name) && !of_tower_alone(one)) continue;
      hooks.replace(point.name, [&one, frozen](const at::Tensor& x, const HookPoint& at) {
        return changed(one.intervention.at, x, at, [&](const Region& region) {
          if (!one.freezes()) return act(one.intervention.action, one.sources, region);
          // Frozen activations belong to one forward, all other sources to the model.
          return act(one.intervention.action, {{}, {}, *frozen}, region);
        });
      });
    }
  return hooks;
}

/// Cache of the forwards without interventions, which belongs to `cache`.
KeyValueCache* unchanged_cache(KeyValueCache& cache) {
  auto& unchanged = CacheAccess::state(cache).unchanged;
  if (!unchanged) {
    if (cache.length() > 0)
      throw UsageError(
          "intervention: freeze needs a cache that was filled with it from the start; use an "
          "empty cache");
    unchanged = std::make_shared<KeyValueCache>();
  }
  return unchanged.get();
}

/// Activations of the frozen points without interventions. A forward with a cache uses a second
/// cache for them.
std::map<std::string, at::Tensor> unchanged_activations(const Model& model,
                                                        const std::vector<Prepared>& prepared,
                                                        const TokenBatch& tokens,
                                                        ForwardOptions options) {
  std::set<std::string> names;
  const bool pictures = with_pictures(tokens);
  for (const Prepared& one : prepared)
    if (one.freezes())
      for (const HookPoint& point : one.points)
        if (runs(model.spec(), options, point) &&
            (pictures || !is_of_tower(point.name) || of_tower_alone(one)))
          names.insert(point.name);
  if (names.empty()) return {};
  // A partial forward starts from a stream that interventions may already have changed.
  if (options.residual.defined() || options.prefix != nullptr)
    throw UsageError(
        "intervention: freeze needs the activations without interventions, which a partial forward "
        "cannot compute; run the model from the embedding");
  if (options.cache != nullptr) options.cache = unchanged_cache(*options.cache);
  return read_activations(model, tokens, {names.begin(), names.end()}, options);
}

/// A model whose every forward applies interventions. It wraps another one, so interventions can be
/// nested, and the model below stays as it was.
class IntervenedModel final : public Model,
                              public Profiled,
                              public Reweighted,
                              public LendsWeights,
                              public ChangesGenerated {
 public:
  IntervenedModel(std::shared_ptr<const Model> model, std::vector<Prepared> prepared)
      : model_(std::move(model)), prepared_(std::move(prepared)) {}

  const TransformerSpec& spec() const override { return model_->spec(); }
  const ModelOptions& options() const override { return model_->options(); }
  const std::filesystem::path& directory() const override { return model_->directory(); }
  std::vector<ModelFile> files() const override { return model_->files(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return model_->tokenizer(); }
  std::vector<std::int64_t> end_of_sequence_ids() const override {
    return model_->end_of_sequence_ids();
  }
  at::Tensor final_norm(const at::Tensor& residual) const override {
    return model_->final_norm(residual);
  }
  at::Tensor unembed(const at::Tensor& normalized) const override {
    return model_->unembed(normalized);
  }
  const Unembedding& unembedding() const override { return model_->unembedding(); }
  at::Tensor weight(std::string_view name) const override { return model_->weight(name); }

  ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options,
                        const Hooks& hooks) const override {
    const auto frozen = std::make_shared<const std::map<std::string, at::Tensor>>(
        unchanged_activations(*model_, prepared_, tokens, options));
    Hooks all = hooks_of(spec(), prepared_, options, with_pictures(tokens), frozen);
    // Interventions come first: hooks of the caller see the changed activations.
    for (const Hooks::Entry& entry : hooks.entries())
      entry.reader ? all.read(entry.glob, entry.reader) : all.replace(entry.glob, entry.replacer);
    return model_->forward(tokens, options, all);
  }

  /// Positions beyond the prompt are legal in generation; at its end they must have been reached.
  void check_reached(std::int64_t positions) const override {
    for (const Prepared& one : prepared_) {
      // Positions in a vision tower are parts of pictures.
      if (of_tower_alone(one)) continue;
      const InterventionSite& at = one.intervention.at;
      std::vector<std::int64_t> needed = at.positions;
      needed.insert(needed.end(), at.keys.begin(), at.keys.end());
      if (at.from) needed.push_back(*at.from);
      for (const std::int64_t position : needed)
        if (position >= positions)
          throw UsageError("intervention at '" + at.hook + "': position " +
                           std::to_string(position) +
                           " was never reached; the sequence ended after " +
                           std::to_string(positions) + " positions");
    }
    model_->check_reached(positions);
  }

  void check_generated(std::int64_t prompt, std::int64_t positions) const override {
    for (const Prepared& one : prepared_)
      if (one.intervention.at.where == SequencePart::generated && positions <= prompt)
        throw UsageError("intervention at '" + one.intervention.at.hook +
                         "': where is generated, but no generated token was run, since the last "
                         "one never is; generate at least 2 tokens");
    if (const auto* inner = dynamic_cast<const ChangesGenerated*>(model_.get()))
      inner->check_generated(prompt, positions);
  }

  Profile* profile() const override { return profile_of(*model_); }
  std::shared_ptr<const Model> profiled(std::shared_ptr<Profile>) const override {
    throw UsageError(
        "profile: this model has interventions; call with_profile before with_interventions");
  }
  std::vector<std::string> changed_parts() const override { return changed_parts_of(*model_); }
  const std::vector<WeightChange>& changes() const override {
    static const std::vector<WeightChange> none;
    const auto* own = dynamic_cast<const Reweighted*>(model_.get());
    return own == nullptr ? none : own->changes();
  }
  std::shared_ptr<const Model> reweighted(const std::vector<WeightChange>& changes) const override {
    return std::make_shared<IntervenedModel>(with_weights(model_, changes), prepared_);
  }

 private:
  std::shared_ptr<const Model> model_;
  std::vector<Prepared> prepared_;
};

}  // namespace

std::shared_ptr<const Model> with_interventions(std::shared_ptr<const Model> model,
                                                std::vector<Intervention> interventions) {
  if (interventions.empty()) return model;
  std::vector<Prepared> prepared = prepare(*model, std::move(interventions));
  return std::make_shared<IntervenedModel>(std::move(model), std::move(prepared));
}

Hooks intervention_hooks(const Model& model, const TokenBatch& tokens,
                         const std::vector<Intervention>& interventions) {
  const auto prepared =
      std::make_shared<const std::vector<Prepared>>(prepare(model, interventions));
  const auto frozen = std::make_shared<const std::map<std::string, at::Tensor>>(
      unchanged_activations(model, *prepared, tokens, {}));
  // Other hooks may outlive this call, so ownership moves into them.
  const Hooks borrowed = hooks_of(model.spec(), *prepared, {}, with_pictures(tokens), frozen);
  Hooks hooks;  // each hook shares ownership of the prepared interventions
  for (const Hooks::Entry& entry : borrowed.entries())
    hooks.replace(entry.glob,
                  [prepared, replacer = entry.replacer](
                      const at::Tensor& x, const HookPoint& point) { return replacer(x, point); });
  return hooks;
}

}  // namespace lensbench
