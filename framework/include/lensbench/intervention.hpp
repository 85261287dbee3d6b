#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lensbench {

// Changes of a forward as values: built, written as JSON, read back, archived, and active in every
// forward of the model they are put on, generation included.

/// Where an intervention acts. An empty list means all.
struct InterventionSite {
  std::string hook;                  ///< name, alias, short name or glob of hook points
  std::vector<std::int64_t> layers;  ///< of the points that `hook` matches, those of these blocks
  std::vector<std::int64_t> heads;   ///< of the axis `head` or `kv_head`
  /// In the sequence, padding not counted, cached positions counted: 12 is the thirteenth token
  /// however the forward gets there. Negative ones count from the end, in generation from the end
  /// of the prompt. On the axis `pos` or `query_pos`.
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> keys;     ///< the same on the axis `key_pos`
  std::vector<std::int64_t> neurons;  ///< of the last axis (`d_model`, `d_mlp`, `d_head`, `vocab`)

  bool operator==(const InterventionSite&) const = default;  ///< field by field
};

/// Another sequence that the model is run on: token ids as they are, or else a text.
struct OtherCase {
  std::vector<std::int64_t> ids;  ///< as they are; empty where a text is given
  std::string text;               ///< tokenized as a prompt is; empty where ids are given

  bool operator==(const OtherCase&) const = default;  ///< field by field
};

/// The activation becomes `value`: a number, or numbers on the last axes of what is selected
/// ([d_model], or [pos, d_model], …).
struct SetValue {
  at::Tensor value;  ///< a scalar, or the last axes
};
/// x + coefficient * value; `value` as for SetValue.
struct AddValue {
  at::Tensor value;          ///< a scalar, or the last axes
  double coefficient = 1.0;  ///< multiplies it
};
/// factor * x
struct ScaleBy {
  double factor = 1.0;  ///< multiplies the activation
};
/// 0
struct SetZero {};
/// The mean over all positions of other sequences; without any, over the positions of the sequence
/// itself (which one forward must see whole).
struct SetMean {
  std::vector<OtherCase> of;  ///< the other sequences
};
/// The activation of another sequence at the same positions, or at `positions` of it, one for each
/// position of the site.
struct Resample {
  OtherCase from;                       ///< the other sequence
  std::vector<std::int64_t> positions;  ///< of it; empty: those of the site
};
/// Adds normal noise. It depends on the seed, the hook point, the position and the element alone:
/// not on threads, on the batch, or on how the forward is cut into steps.
struct AddNoise {
  double standard_deviation = 1.0;  ///< in units of the activation
  std::uint64_t seed = 0;           ///< of the noise
};
/// The activation stays as it is without any intervention (attention patterns, norm scales).
struct Freeze {};
/// x - (x · d) d with d = direction / |direction|, on the last axis.
struct ProjectOut {
  at::Tensor direction;  ///< [last axis], of any length but 0
};

/// What becomes of the activation.
using InterventionAction = std::variant<SetValue, AddValue, ScaleBy, SetZero, SetMean, Resample,
                                        AddNoise, Freeze, ProjectOut>;

/// One change of a forward.
struct Intervention {
  InterventionSite at;        ///< where
  InterventionAction action;  ///< what
};

/// Equal to the bit.
LENSBENCH_API bool operator==(const Intervention& a, const Intervention& b);

/// A JSON list, one object an intervention:
///
///     [{"hook": "resid_post", "layers": [3], "positions": [-1], "action": "add",
///       "value": [0.5, …], "coefficient": 2},
///      {"hook": "blocks.*.attn.hook_pattern", "action": "freeze"}]
///
/// Site: `hook`, and `layers`, `heads`, `positions`, `keys`, `neurons` where not all are meant.
/// Actions and their fields: `set` (value), `add` (value, coefficient), `scale` (factor), `zero`,
/// `mean` (of: list of cases), `resample` (from: case; from_positions), `noise`
/// (standard_deviation, seed), `freeze`, `project_out` (direction). A case is {"ids": [1, 2]} or
/// {"text": "…"}; numbers are nested lists in C order; infinities are "inf" and "-inf".
LENSBENCH_API std::string interventions_to_json(const std::vector<Intervention>& interventions);

/// Reads what `interventions_to_json` writes.
/// \param text     a JSON list
/// \param subject  named in messages: a file
/// \throws InputError naming place, field and fault, for unknown fields too
LENSBENCH_API std::vector<Intervention> interventions_from_json(std::string_view text,
                                                                const std::string& subject);
/// The same from a file. \throws InputError also if it cannot be read
LENSBENCH_API std::vector<Intervention> read_interventions(const std::filesystem::path& path);

/// The model with interventions in every forward, in their order and before the hooks of that
/// forward. A partial forward has those of the part it runs. Final norm, unembedding and weights
/// are the model's own.
///
/// Other sequences are run here, once. `Freeze` costs a second forward each time.
/// \throws UsageError for a hook that matches nothing, a layer, head or neuron out of range,
///   an axis the hook does not have, a value of another shape; and from `forward` for a position
///   that the sequence does not have, from `generate` for one that it never reached
LENSBENCH_API std::shared_ptr<const Model> with_interventions(
    std::shared_ptr<const Model> model, std::vector<Intervention> interventions);

/// The same for one forward of `tokens` on the plain model, as hooks.
LENSBENCH_API Hooks intervention_hooks(const Model& model, const TokenBatch& tokens,
                                       const std::vector<Intervention>& interventions);

}  // namespace lensbench
