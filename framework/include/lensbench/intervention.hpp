#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lensbench {

// Interventions are values: they can be built, written as JSON, read back and archived, and they
// act in every forward of the model that they are applied to, including generation.

/// Part of a sequence that grows by generation.
enum class SequencePart {
  all,        ///< every token
  prompt,     ///< the tokens that were given
  generated,  ///< the tokens that the model added
};

/// Part of the activations that an intervention changes. An empty list means all.
struct InterventionSite {
  std::string hook;                  ///< name, alias, short name or glob of hook points
  std::vector<std::int64_t> layers;  ///< block indices; of the matches, those blocks
  std::vector<std::int64_t> heads;   ///< indices on the axis `head` or `kv_head`
  /// Positions in the sequence, on the axis `pos` or `query_pos`. Padding is not counted, cached
  /// positions are: 12 is always the thirteenth token. Negative positions count from the end, in
  /// generation from the end of the prompt.
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> keys;  ///< positions on the axis `key_pos`
  std::vector<std::int64_t>
      neurons;  ///< indices on the last axis (`d_model`, `d_mlp`, `d_head`, `vocab`)
  /// First position of a range, counted as `positions` are; unset: the first token. A range
  /// excludes `positions`.
  std::optional<std::int64_t> from = std::nullopt;
  /// First position after the range; unset: the range has no end.
  std::optional<std::int64_t> until = std::nullopt;
  /// Part of the sequence to change, of which the range takes its positions. A forward of a whole
  /// sequence has a prompt only. Excludes `positions`.
  SequencePart where = SequencePart::all;

  bool operator==(const InterventionSite&) const = default;  ///< true if all fields are equal
};

/// Another sequence that the model is run on, given as token ids or as text.
struct OtherCase {
  std::vector<std::int64_t> ids;  ///< token ids, nothing added; empty where a text is given
  std::string text;               ///< tokenized like a prompt; empty where ids are given

  bool operator==(const OtherCase&) const = default;  ///< true if all fields are equal
};

/// Sets the activation to `value`: a scalar, or a tensor over the last axes of the selection
/// ([d_model], or [pos, d_model], …).
struct SetValue {
  at::Tensor value;  ///< a scalar, or a tensor over the last axes
};
/// Adds: x + coefficient * value; `value` has the shapes of SetValue.
struct AddValue {
  at::Tensor value;          ///< a scalar, or a tensor over the last axes
  double coefficient = 1.0;  ///< factor on `value`
};
/// Scales: factor * x.
struct ScaleBy {
  double factor = 1.0;  ///< factor on the activation
};
/// Sets the activation to 0.
struct SetZero {};
/// Sets the activation to its mean over all positions of other sequences or, if none are given, of
/// the sequence itself, which must then run in one forward.
struct SetMean {
  std::vector<OtherCase> of;  ///< the other sequences
};
/// Replaces the activation by that of another sequence (interchange intervention), at the same
/// positions or at `positions` of that sequence, one for each position of the site.
struct Resample {
  OtherCase from;                       ///< the other sequence
  std::vector<std::int64_t> positions;  ///< positions in `from`; empty: those of the site
};
/// Adds normal noise. It depends only on the seed, the hook point, the position and the element:
/// not on threads, the batch, or the steps into which a forward is split.
struct AddNoise {
  double standard_deviation = 1.0;  ///< in units of the activation
  std::uint64_t seed = 0;           ///< seed of the noise
  /// Seeds of the rows of a batch, one for each row; empty: `seed` for every row.
  std::vector<std::uint64_t> seeds = {};
};
/// Keeps the value that the activation has without interventions (attention patterns, norm scales).
struct Freeze {};
/// Projects a direction out: x - (x · d) d with d = direction / |direction|, on the last axis.
struct ProjectOut {
  at::Tensor direction;  ///< [last axis], not the zero vector
};
/// Sets the component along a direction: x + (component - x · d) d with d = direction /
/// |direction|, on the last axis. What is orthogonal to the direction stays.
struct SetAlong {
  at::Tensor direction;    ///< [last axis], not the zero vector
  double component = 0.0;  ///< new value of x · d, in units of the activation
};

/// Change that an intervention makes to an activation.
using InterventionAction = std::variant<SetValue, AddValue, ScaleBy, SetZero, SetMean, Resample,
                                        AddNoise, Freeze, ProjectOut, SetAlong>;

/// One change of a forward.
struct Intervention {
  InterventionSite at;        ///< the activations to change
  InterventionAction action;  ///< the change
};

/// True if all fields are equal and all tensors are equal in every bit.
LENSBENCH_API bool operator==(const Intervention& a, const Intervention& b);

/// Interventions as a JSON list with one object for each:
///
///     [{"hook": "resid_post", "layers": [3], "positions": [-1], "action": "add",
///       "value": [0.5, …], "coefficient": 2},
///      {"hook": "blocks.*.attn.hook_pattern", "action": "freeze"}]
///
/// Site: `hook`; `layers`, `heads`, `positions`, `keys`, `neurons` to select only some; `from`,
/// `until` and `where` (`prompt` or `generated`) to select a range of positions.
/// Actions and their fields: `set` (value), `add` (value, coefficient), `scale` (factor), `zero`,
/// `mean` (of: list of cases), `resample` (from: case, called `of` where a range has `from`;
/// from_positions), `noise` (standard_deviation, seed or seeds), `freeze`, `project_out`
/// (direction), `set_along` (direction, component). A case is {"ids": [1, 2]} or {"text": "…"};
/// numbers are nested lists in C order; infinities are "inf" and "-inf".
LENSBENCH_API std::string interventions_to_json(const std::vector<Intervention>& interventions);

/// Interventions read from the JSON of `interventions_to_json`.
/// \param text     a JSON list
/// \param subject  name of the source in messages, for instance a file
/// \throws InputError that names position, field and fault; also for unknown fields
LENSBENCH_API std::vector<Intervention> interventions_from_json(std::string_view text,
                                                                const std::string& subject);
/// Interventions read from a JSON file. \throws InputError also if the file cannot be read
LENSBENCH_API std::vector<Intervention> read_interventions(const std::filesystem::path& path);

/// A model that applies interventions in every forward, in their order and before the hooks of that
/// forward. A partial forward applies those of the part that it runs. `final_norm`, `unembed` and
/// `weight` are those of the wrapped model.
///
/// This function runs the other sequences, once. `Freeze` needs a second forward each time.
/// \throws UsageError for a hook without a match, a layer, head or neuron out of range, an axis
///   that the hook lacks, a value of another shape, `positions` together with a range. `forward`
///   throws it for a position outside the sequence and for a range without a position in it,
///   `generate` for a position or a range that it never reached.
LENSBENCH_API std::shared_ptr<const Model> with_interventions(
    std::shared_ptr<const Model> model, std::vector<Intervention> interventions);

/// Interventions as hooks for one forward of `tokens` on the unwrapped model.
LENSBENCH_API Hooks intervention_hooks(const Model& model, const TokenBatch& tokens,
                                       const std::vector<Intervention>& interventions);

}  // namespace lensbench
