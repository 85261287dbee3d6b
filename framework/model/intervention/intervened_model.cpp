#include <ATen/ops/cat.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <map>
#include <set>
#include <utility>

#include "model/forward/kv_cache.hpp"
#include "model/hooks/read_activations.hpp"
#include "model/intervention/actions.hpp"
#include "model/intervention/changes_generated.hpp"
#include "model/intervention/region.hpp"
#include "model/runtime/profiled.hpp"
#include "model/weights/changed_weights.hpp"

namespace lensbench {
namespace {

/// An intervention on a model, with its hook points and the activations of other sequences.
struct Prepared {
  Intervention intervention;
  std::vector<HookPoint> points;
  ActionSources sources;

  bool freezes() const { return std::holds_alternative<Freeze>(intervention.action); }
};

/// Points of a site. \throws UsageError for a layer in which the hook lacks a point, since an
/// intervention that changes less than it says would be a wrong result
std::vector<HookPoint> points_of(const TransformerSpec& spec, const InterventionSite& site) {
  std::vector<HookPoint> points = match_hook_points(spec, site.hook);
  if (site.layers.empty()) return points;
  for (const std::int64_t layer : site.layers)
    if (std::none_of(points.begin(), points.end(),
                     [&](const HookPoint& point) { return point.layer == layer; }))
      throw UsageError("intervention at '" + site.hook + "': the hook lacks a point in layer " +
                       std::to_string(layer) + "; the model has layers 0 to " +
                       std::to_string(spec.n_layers - 1));
  std::erase_if(points, [&](const HookPoint& point) {
    return std::find(site.layers.begin(), site.layers.end(), point.layer) == site.layers.end();
  });
  return points;
}

/// Length of an axis if it is the same in every forward; -1 for other axes.
std::int64_t axis_size(const TransformerSpec& spec, const std::string& dim) {
  const AttentionSpec& attention = spec.attention;
  if (dim == "head") return attention.n_heads;
  if (dim == "kv_head") return attention.n_key_value_heads;
  if (dim == "d_model") return spec.d_model;
  if (dim == "d_head") return attention.d_head;
  if (dim == "d_mlp") return spec.mlp.d_mlp;
  if (dim == "vocab") return spec.vocab_size;
  if (dim == "one") return 1;
  return -1;
}

void require_axis(const HookPoint& point, const char* field, std::int64_t axis, bool wanted) {
  if (!wanted || axis >= 0) return;
  std::string dims;
  for (const std::string& dim : point.dims) dims += (dims.empty() ? "" : ", ") + dim;
  throw UsageError("intervention at '" + point.name + "': " + field +
                   " need an axis that this hook lacks; its axes are " + dims);
}

/// Checks everything about a site that does not depend on a sequence, so that an error appears
/// before the first forward.
void check_site(const TransformerSpec& spec, const Intervention& intervention,
                const HookPoint& point) {
  const InterventionSite& site = intervention.at;
  const SiteAxes axes = axes_of(point);
  require_axis(point, "positions", axes.position, !site.positions.empty());
  require_axis(point, "from, until and where", axes.position, selects_range(site));
  require_axis(point, "heads", axes.head, !site.heads.empty());
  require_axis(point, "keys", axes.key, !site.keys.empty());
  require_axis(point, "neurons", axes.neuron, !site.neurons.empty());
  const auto check = [&](const char* name, std::int64_t axis, const auto& indices) {
    if (axis < 0) return;
    const std::int64_t size = axis_size(spec, point.dims[static_cast<std::size_t>(axis)]);
    if (size >= 0) check_indices(point.name, name, indices, size);
  };
  check("head", axes.head, site.heads);
  check("neuron", axes.neuron, site.neurons);
  // Choices of experts are integers; hook_expert_weights is the point to change.
  if (point.name.ends_with("_indices"))
    throw UsageError("intervention at '" + point.name +
                     "': it holds integers, which interventions cannot change");
  const InterventionAction& action = intervention.action;
  if (std::holds_alternative<Freeze>(action) && point.dims.front() == "routed")
    throw UsageError("intervention at '" + point.name +
                     "': the rows of an expert depend on the routing and cannot be frozen; freeze "
                     "mlp.hook_expert_weights instead");
  const bool by_position = std::holds_alternative<SetMean>(action) ||
                           std::holds_alternative<Resample>(action) ||
                           std::holds_alternative<AddNoise>(action);
  require_axis(point, "mean, resample and noise", axes.position, by_position);
  if (std::holds_alternative<SetMean>(action) && axes.key >= 0)
    throw UsageError("intervention at '" + point.name +
                     "': a mean over positions is undefined for pairs of positions; use resample "
                     "or set");
  // A projection changes a direction of the whole vector.
  const bool along =
      std::holds_alternative<ProjectOut>(action) || std::holds_alternative<SetAlong>(action);
  if (along && (axes.neuron < 0 || !site.neurons.empty()))
    throw UsageError(
        "intervention at '" + point.name +
        "': project_out and set_along need the whole last axis of a hook that is not a pattern; "
        "leave out neurons");
}

Tokens tokens_of(const Model& model, const OtherCase& other) {
  return other.ids.empty() ? to_tokens(model, other.text) : tokens_from_ids(model, other.ids);
}

std::map<std::string, at::Tensor> run_other(const Model& model, const OtherCase& other,
                                            const std::vector<HookPoint>& points) {
  std::vector<std::string> names;
  names.reserve(points.size());
  for (const HookPoint& point : points) names.push_back(point.name);
  return read_activations(model, make_batch(tokens_of(model, other)), names);
}

/// Means over all positions of all cases, each position with the same weight, summed in float64.
void take_means(const Model& model, const SetMean& action, Prepared& prepared) {
  std::map<std::string, std::vector<at::Tensor>> rows;
  for (const OtherCase& other : action.of)
    for (const auto& [name, activation] : run_other(model, other, prepared.points))
      rows[name].push_back(activation[0]);
  for (const auto& [name, all] : rows)
    prepared.sources.means[name] = at::cat(all).to(at::kDouble).mean(0).to(at::kFloat);
}

/// Checks what does not depend on the hook's axes.
void check_range(const InterventionSite& site) {
  if (!selects_range(site)) return;
  if (!site.positions.empty())
    throw UsageError("intervention at '" + site.hook +
                     "': positions is given with from, until or where; give a list or a range");
  const bool comparable = site.from && site.until && (*site.from < 0) == (*site.until < 0);
  if (comparable && *site.from >= *site.until)
    throw UsageError("intervention at '" + site.hook + "': the range from " +
                     std::to_string(*site.from) + " until " + std::to_string(*site.until) +
                     " is empty; until is the first position after it");
}

/// Other cases are run once here, on the model as it is before these interventions.
std::vector<Prepared> prepare(const Model& model, std::vector<Intervention> interventions) {
  std::vector<Prepared> all;
  for (Intervention& intervention : interventions) {
    check_range(intervention.at);
    Prepared prepared;
    prepared.points = points_of(model.spec(), intervention.at);
    for (const HookPoint& point : prepared.points) check_site(model.spec(), intervention, point);
    if (const auto* mean = std::get_if<SetMean>(&intervention.action))
      take_means(model, *mean, prepared);
    if (const auto* resample = std::get_if<Resample>(&intervention.action))
      prepared.sources.others = run_other(model, resample->from, prepared.points);
    prepared.intervention = std::move(intervention);
    all.push_back(std::move(prepared));
  }
  return all;
}

/// True if a forward with these options reaches the point; a partial forward leaves out the
/// interventions outside its part.
bool runs(const TransformerSpec& spec, const ForwardOptions& options, const HookPoint& point) {
  if (point.layer >= 0)
    return point.layer >= options.start_at_layer &&
           point.layer < options.stop_at_layer.value_or(spec.n_layers);
  const bool at_end = point.name.starts_with("ln_final.") || point.name.starts_with("unembed.");
  if (!at_end) return !options.residual.defined();
  return !options.stop_at_layer && options.logits != ForwardOptions::Logits::none;
}

/// Hooks of all interventions for one forward. `prepared` must outlive them.
Hooks hooks_of(const TransformerSpec& spec, const std::vector<Prepared>& prepared,
               const ForwardOptions& options,
               const std::shared_ptr<const std::map<std::string, at::Tensor>>& frozen) {
  Hooks hooks;
  for (const Prepared& one : prepared)
    for (const HookPoint& point : one.points) {
      if (!runs(spec, options, point)) continue;
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

/// Activations of the frozen points without interventions. A forward with a cache uses a second
/// cache for them.
std::map<std::string, at::Tensor> unchanged_activations(const Model& model,
                                                        const std::vector<Prepared>& prepared,
                                                        const TokenBatch& tokens,
                                                        ForwardOptions options) {
  std::set<std::string> names;
  for (const Prepared& one : prepared)
    if (one.freezes())
      for (const HookPoint& point : one.points)
        if (runs(model.spec(), options, point)) names.insert(point.name);
  if (names.empty()) return {};
  // A partial forward starts from a stream that interventions may already have changed.
  if (options.residual.defined() || options.prefix != nullptr)
    throw UsageError(
        "intervention: freeze needs the activations without interventions, which a partial forward "
        "cannot compute; run the model from the embedding");
  if (options.cache != nullptr) {
    auto& unchanged = options.cache->state().unchanged;
    if (!unchanged) {
      if (options.cache->length() > 0)
        throw UsageError(
            "intervention: freeze needs a cache that was filled with it from the start; use an "
            "empty cache");
      unchanged = std::make_shared<KeyValueCache>();
    }
    options.cache = unchanged.get();
  }
  return read_activations(model, tokens, {names.begin(), names.end()}, options);
}

/// A model whose every forward applies interventions. It wraps another one, so interventions can be
/// nested, and the model below stays as it was.
class IntervenedModel final : public Model,
                              public Profiled,
                              public Reweighted,
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
    Hooks all = hooks_of(spec(), prepared_, options, frozen);
    // Interventions come first: hooks of the caller see the changed activations.
    for (const Hooks::Entry& entry : hooks.entries())
      entry.reader ? all.read(entry.glob, entry.reader) : all.replace(entry.glob, entry.replacer);
    return model_->forward(tokens, options, all);
  }

  /// Positions beyond the prompt are legal in generation; at its end they must have been reached.
  void check_reached(std::int64_t positions) const override {
    for (const Prepared& one : prepared_) {
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
  const Hooks borrowed = hooks_of(model.spec(), *prepared, {}, frozen);
  Hooks hooks;  // each hook shares ownership of the prepared interventions
  for (const Hooks::Entry& entry : borrowed.entries())
    hooks.replace(entry.glob,
                  [prepared, replacer = entry.replacer](
                      const at::Tensor& x, const HookPoint& point) { return replacer(x, point); });
  return hooks;
}

}  // namespace lensbench
