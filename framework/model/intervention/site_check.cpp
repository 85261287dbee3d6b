#include "model/intervention/site_check.hpp"

#include <lensbench/error.hpp>
#include <string>
#include <variant>

#include "model/hooks/hook_points.hpp"
#include "model/intervention/region.hpp"

namespace lensbench {
namespace {

/// Length of an axis if it is the same in every forward; -1 for other axes.
std::int64_t axis_size(const TransformerSpec& spec, const std::string& dim) {
  const AttentionSpec& attention = spec.attention;
  if (dim == "head") return attention.n_heads;
  if (dim == "kv_head") return attention.n_key_value_heads;
  if (dim == "d_model") return spec.d_model;
  if (dim == "d_head") return attention.d_head;
  if (dim == "d_mlp") return spec.mlp.d_mlp;
  if (dim == "d_dense_mlp") return spec.d_dense_mlp;
  if (dim == "vocab") return spec.vocab_size;
  if (dim == "one") return 1;
  if (spec.latent) {
    if (dim == "d_value") return spec.latent->d_value;
    if (dim == "d_q_latent") return spec.latent->query_rank;
    if (dim == "d_kv_latent") return spec.latent->key_value_rank;
    if (dim == "d_rotary") return spec.latent->d_rotary;
  }
  if (!spec.vision) return -1;
  if (dim == "vision_head") return spec.vision->n_heads;
  if (dim == "d_vision") return spec.vision->d_model;
  if (dim == "d_vision_head") return spec.vision->d_head();
  if (dim == "d_vision_mlp") return spec.vision->d_mlp;
  return -1;
}

void require_axis(const HookPoint& point, const char* field, std::int64_t axis, bool wanted) {
  if (!wanted || axis >= 0) return;
  std::string dims;
  for (const std::string& dim : point.dims) dims += (dims.empty() ? "" : ", ") + dim;
  throw UsageError("intervention at '" + point.name + "': " + field +
                   " need an axis that this hook lacks; its axes are " + dims);
}

bool is_by_position(const InterventionAction& action) {
  return std::holds_alternative<SetMean>(action) || std::holds_alternative<Resample>(action) ||
         std::holds_alternative<AddNoise>(action);
}

/// Checks that the point has the axes which the action needs.
void check_action(const InterventionSite& site, const InterventionAction& action,
                  const HookPoint& point, const SiteAxes& axes) {
  if (std::holds_alternative<Freeze>(action) && point.dims.front() == "routed")
    throw UsageError("intervention at '" + point.name +
                     "': the rows of an expert depend on the routing and cannot be frozen; freeze "
                     "mlp.hook_expert_weights instead");
  require_axis(point, "mean, resample and noise", axes.position, is_by_position(action));
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

/// Points of a vision tower: pictures are in the prompt, and another case is a text.
void check_in_tower(const InterventionSite& site, const InterventionAction& action,
                    const HookPoint& point) {
  const auto refuse = [&](const char* fault) {
    throw UsageError("intervention at '" + point.name + "': " + fault);
  };
  if (site.where != SequencePart::all)
    refuse("where selects tokens, but the rows of this hook are parts of pictures; leave it out");
  const auto* mean = std::get_if<SetMean>(&action);
  if (std::holds_alternative<Resample>(action) || (mean != nullptr && !mean->of.empty()))
    refuse(
        "a case is a text, which has no pictures to take values from; use set or mean without of");
}

}  // namespace

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
    const std::int64_t size = axis_size(spec, dim_at(point, axis));
    if (size >= 0) check_indices(point.name, name, indices, size);
  };
  check("head", axes.head, site.heads);
  check("neuron", axes.neuron, site.neurons);
  // Choices of experts are integers; hook_expert_weights is the point to change.
  if (point.name.ends_with("_indices"))
    throw UsageError("intervention at '" + point.name +
                     "': it holds integers, which interventions cannot change");
  if (is_of_tower(point.name)) check_in_tower(site, intervention.action, point);
  check_action(site, intervention.action, point, axes);
}

}  // namespace lensbench
