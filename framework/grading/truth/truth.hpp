#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// Grading of tools on models whose mechanism is known.
namespace lensbench::grading {

/// Format of `truth.json` that this version reads and writes.
inline constexpr const char* kTruthFormat = "lensbench-truth/1";

/// Rows of numbers; what a row and a column are is said where a table is used.
using Table = std::vector<std::vector<double>>;

/// Where a planted model comes from.
struct Origin {
  std::string kind;       ///< `wired`, `compiled`, `trained` or `foreign`
  std::string generator;  ///< name of the builder
  std::int64_t seed = 0;
  std::string gauge;  ///< basis of the stream: `aligned`, `rotated`, `trained`
  double leak = 0;    ///< size of what filler components write into the logits
};

/// The checkpoint that a truth is about.
struct CheckpointIdentity {
  std::string config_sha256, weights_sha256;
  std::string dtype = "float32", effects_computed_in = "float64";
};

/// A head, an MLP, the attention of a block, or a neuron, with what it was built for.
struct Role {
  std::string name;  ///< `L0H1`, `0_mlp_out`, `0_attn_out`, `L0N3`
  std::string kind;  ///< `head`, `mlp`, `attention`; empty for neurons
  std::string role;
};

/// Layers at which the answer is in the stream; empty where this is not known.
struct PlantedReadout {
  std::optional<std::int64_t> answer_layer;       ///< from it on, the model's own head reads it
  std::optional<std::int64_t> information_layer;  ///< from it on, the stream has it
};

/// Information of which it is known where the stream has it.
struct StreamVariable {
  std::string name, of;
  std::optional<std::int64_t> written_layer;  ///< from it on it is present; empty: not known
  std::vector<std::int64_t> absent_layers;    ///< layers at which it cannot be
  bool used = false;                          ///< whether the answer depends on it
};

/// Directions of the stream that stand for features.
struct FeatureTruth {
  std::string hook;
  Table direction;  ///< [feature][d_model]
  /// Features of each token id, with their activations.
  std::vector<std::vector<std::pair<std::int64_t, double>>> token_activation;
  std::vector<double> constant;  ///< part of the stream that every position has
};

/// A clean prompt and its corrupted one, of equal length.
struct PromptPair {
  std::vector<std::int64_t> ids, corrupted_ids;  ///< `corrupted_ids` may be empty
  std::int64_t answer = -1, foil = -1;           ///< token ids; -1: the task has none
  std::int64_t position = -1;                    ///< position of the question, from 0; -1: none
  std::map<std::string, std::int64_t> sources;   ///< positions with a meaning
};

/// A further prompt, for tools that are trained.
struct TrainingPrompt {
  std::vector<std::int64_t> ids;
  std::optional<std::int64_t> label, position;
};

/// logit(answer) - logit(foil) of both runs.
struct MetricTruth {
  std::vector<double> clean, corrupted;  ///< one a prompt
};

/// What components do to the metric, logits.
struct EffectTruth {
  std::vector<std::string> components;
  /// `total`, `restore`, `direct`, `dla`, `zero`, `mean`, `mean_of_prompt`: [component][prompt]
  std::map<std::string, Table> values;
};

/// Effects of the neurons of one MLP.
struct NeuronEffects {
  std::int64_t layer = 0;
  Table total, restore;  ///< [neuron][prompt]; `restore` may be empty
};

/// The path from one component to one input of another.
struct Edge {
  std::string source, target, slot;  ///< slot: `q`, `k`, `v` or `in`
  bool operator==(const Edge&) const = default;
  auto operator<=>(const Edge&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// Effect of an edge, mean over prompts, logits.
struct EdgeEffect {
  Edge edge;
  double mean = 0;
};

struct EdgeTruth {
  std::vector<Edge> member;
  std::vector<EdgeEffect> total;  ///< edges left out are below 0.5 % of the gap
  std::int64_t count = 0;         ///< number of all edges
};

/// What the model's own head reads at the asked position of each layer.
struct ReadoutTruth {
  Table probability;                            ///< probability of the answer, [layer][prompt]
  std::vector<std::vector<std::int64_t>> rank;  ///< rank of the answer, [layer][prompt]
  /// Layer from which the answer stays first, one a prompt; empty: never.
  std::vector<std::optional<std::int64_t>> first_correct_layer;
  /// Other tokens whose logit equals the answer's up to rounding in float32, [layer][prompt];
  /// empty: none.
  std::vector<std::vector<std::int64_t>> rank_ties;
};

/// Share of the gap that the stream of the clean run restores, mean over prompts.
struct RestoreGrid {
  std::string hook;
  Table values;  ///< [layer][position], n_layers + 1 layers
};

/// The distribution that each token but the first came from: [position - 1][prompt].
struct DistributionTruth {
  Table entropy;      ///< nats
  Table probability;  ///< probability of the token
  Table surprisal;    ///< surprisal of the token, nats
};

/// Where a head looks from one position.
struct AttendedKey {
  std::string head;
  std::string query = "position";  ///< `position`, or a name in `PromptPair::sources`
  std::vector<std::int64_t> keys;  ///< one a prompt
  std::vector<double> mass;        ///< attention on the key, one a prompt
  bool causal = true;              ///< whether what the head reads there matters
};

/// Whether a component takes part in a task.
enum class Membership { member, none, ignored };

/// One task of a model. A block that is empty is not graded.
struct Task {
  std::string name, summary;
  std::vector<PromptPair> prompts;
  std::optional<MetricTruth> metric;
  std::map<std::string, Membership> membership;
  std::optional<EffectTruth> effects;
  std::vector<NeuronEffects> neuron_effects;
  std::optional<EdgeTruth> edges;
  std::optional<ReadoutTruth> readout;
  std::optional<RestoreGrid> restore_grid;
  std::optional<DistributionTruth> distribution;  ///< distribution for the clean prompts
  std::vector<AttendedKey> attention;
  std::vector<TrainingPrompt> train;
  std::string variable;  ///< variable that the labels of `train` say; empty: none
};

/// Everything that is known about a planted model: `truth.json`.
struct Truth {
  std::string name, summary;
  Origin origin;
  CheckpointIdentity model;
  std::vector<std::string> vocabulary;  ///< texts of the ids, for display
  std::vector<Role> components, neurons;
  PlantedReadout readout;
  std::vector<StreamVariable> variables;
  std::optional<FeatureTruth> features;
  std::vector<Task> tasks;
};

/// Mean of m(clean) - m(corrupted) over prompts. \throws UsageError if the task has no metric
double gap_of(const Task& task);

}  // namespace lensbench::grading
