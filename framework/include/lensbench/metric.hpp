#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/request.hpp>
#include <lensbench/sweep.hpp>
#include <lensbench/target.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

// The number that a changed run is judged by, the run that is changed and the sign of an effect:
// decided here once, for all tools.

/// Number that is read from a run at one position.
enum class Metric {
  logit_difference,  ///< logit(target) - logit(versus), before any softcap
  logit,             ///< logit(target), before any softcap
  log_probability,   ///< log probability of the target, nats
  probability,       ///< probability of the target
  kl,                ///< sum p_base (ln p_base - ln p_run), nats; 0 for the base run
};

/// Name of a metric: `logit_difference`.
LENSBENCH_API const char* to_string(Metric metric);
/// Unit of a metric: `nats` or `1`.
LENSBENCH_API const char* units_of(Metric metric);
/// Metric of a name. \throws UsageError with the names of all metrics
LENSBENCH_API Metric parse_metric(std::string_view name);

/// Which prompt of a pair is changed.
enum class Direction {
  denoise,  ///< the corrupted run is changed and gets activations of the clean run
  noise,    ///< the clean run is changed and gets activations of the corrupted run
};

/// Name of a direction: `denoise`.
LENSBENCH_API const char* to_string(Direction direction);
/// Direction of a name. \throws UsageError for another name
LENSBENCH_API Direction parse_direction(std::string_view name);

/// Question to a run.
struct MetricOptions {
  /// Unset: `logit_difference` if `versus` is given, else `log_probability`.
  std::optional<Metric> metric = std::nullopt;
  std::optional<Target> versus = std::nullopt;  ///< token whose logit is subtracted
  std::int64_t position = -1;                   ///< negative ones count from the end
};

/// Parameters that every tool with a metric declares alike.
namespace metric_parameters {
/// Token whose metric is read.
inline constexpr ParameterSpec kTarget = {
    "target",
    ParameterType::token,
    "model",
    "",
    "Token whose logit or probability is read; model is the model's own prediction on the prompt, "
    "next the token that follows.",
    "model|next"};
/// Token to compare with.
inline constexpr ParameterSpec kVersus = {
    "versus",    ParameterType::token, "", "", "Token whose logit is subtracted from the target's.",
    "model|next"};
/// Metric; empty: by `versus`.
inline constexpr ParameterSpec kMetric = {
    "metric",
    ParameterType::choice,
    "",
    "",
    "Number to read (default: logit_difference with versus, else log_probability).",
    "logit_difference|logit|log_probability|probability|kl"};
/// Position of the metric.
inline constexpr ParameterSpec kPosition = {
    "position", ParameterType::integer, "-1", "tokens",
    "Position at which the metric is read; negative ones count from the end."};
/// Which prompt is changed.
inline constexpr ParameterSpec kDirection = {
    "direction",
    ParameterType::choice,
    "denoise",
    "",
    "denoise changes the corrupted run and takes from the clean one; noise is the reverse.",
    "denoise|noise"};
/// Second prompt, as text.
inline constexpr ParameterSpec kCorrupted = {
    "corrupted", ParameterType::text, "", "",
    "Second prompt, as long in tokens as the first (or the field corrupted of a case)."};
/// Second prompt, as ids.
inline constexpr ParameterSpec kCorruptedIds = {"corrupted_ids", ParameterType::text, "", "",
                                                "Second prompt as token ids."};
/// Least gap for recoveries.
inline constexpr ParameterSpec kMinGap = {
    "min_gap",
    ParameterType::number,
    "0.1",
    "",
    "Smallest absolute difference of the two runs' metrics for which recoveries are computed.",
    "[0, inf)"};
}  // namespace metric_parameters

/// Values of the parameters `metric`, `versus` and `position`, where the tool declares them.
/// \throws UsageError for a token outside the vocabulary
LENSBENCH_API MetricOptions metric_options(const Model& model, const Parameters& parameters);

/// Target of a request: that of its case, else the parameter `target`, else the model's prediction.
/// \throws UsageError under the conditions of `parse_target`
LENSBENCH_API Target target_of(const Model& model, const Request& request);

/// Position counted from the start.
/// \param who       subject of the message
/// \param position  counted from the start, or from the end if negative
/// \param length    positions of the sequence
/// \throws UsageError if it is outside the sequence
LENSBENCH_API std::int64_t resolve_position(std::string_view who, std::int64_t position,
                                            std::int64_t length);

/// A metric of one prompt with its tokens fixed: reads rows of the residual stream after the last
/// block.
class LENSBENCH_API MetricReader {
 public:
  /// Fixes target and versus by the clean run: `model` is its prediction at the position, `next`
  /// the token that follows there (at the last position its prediction).
  /// \param who       subject of messages
  /// \param model     must outlive the reader
  /// \param clean     tokens of the clean run
  /// \param residual  [position, d_model] stream of the clean run after the last block
  /// \param target    token to read
  /// \param options   metric, versus and position
  /// \throws UsageError for a position outside the prompt, a token outside the vocabulary, `versus`
  ///   equal to the target, `logit_difference` without `versus`
  MetricReader(std::string_view who, const Model& model, const Tokens& clean,
               const at::Tensor& residual, const Target& target, const MetricOptions& options);

  Metric metric() const { return metrics_.front(); }              ///< the metric
  std::int64_t position() const { return position_; }             ///< counted from the start
  std::int64_t target() const { return target_; }                 ///< id of the target
  std::optional<std::int64_t> versus() const { return versus_; }  ///< id of versus
  const char* units() const { return units_of(metric()); }        ///< unit of the metric

  /// Sets the run that `kl` compares with. \param row  [d_model] stream of the base run
  void set_base(const at::Tensor& row);

  /// Metrics of rows, from logits that are computed once for all of them: [row] float64, or [row,
  /// metric] after `read_several`. Logits of the whole vocabulary are computed only for metrics
  /// that need them, a bounded number of rows at a time. Differentiable in gradient mode.
  /// \param rows  [row, d_model]
  at::Tensor operator()(const at::Tensor& rows) const;
  /// Function for sweeps; the reader must outlive it.
  RowMetrics rows() const;

  /// Reads several metrics from now on. \throws UsageError for `logit_difference` without versus
  void read_several(std::vector<Metric> metrics);

  /// Adds the attributes `metric`, `target`, `target_token`, `versus` and `position`.
  void describe(Dataset& dataset) const;

 private:
  at::Tensor token_logits(const at::Tensor& normalized, std::int64_t id) const;
  at::Tensor of_chunk(const at::Tensor& normalized) const;

  std::string who_;
  const Model* model_;
  std::vector<Metric> metrics_;
  std::int64_t position_ = 0, target_ = 0;
  std::optional<std::int64_t> versus_;
  at::Tensor base_log_probabilities_;  ///< [vocab] float64; undefined until `set_base`
};

/// The two runs of a pair in the order of the direction.
class LENSBENCH_API PairedRuns {
 public:
  /// \throws UsageError that shows both token lists if the lengths differ
  PairedRuns(std::string_view who, Tokens clean, Tokens corrupted, Direction direction);

  const Tokens& clean() const { return clean_; }          ///< the prompt that was given
  const Tokens& corrupted() const { return corrupted_; }  ///< the second prompt
  /// The run that is changed.
  const Tokens& base() const { return direction_ == Direction::denoise ? corrupted_ : clean_; }
  /// The run that values come from.
  const Tokens& source() const { return direction_ == Direction::denoise ? clean_ : corrupted_; }
  Direction direction() const { return direction_; }  ///< which is which
  /// 1 where the prompts differ, [token] int8.
  at::Tensor differs() const;

  /// Adds the token axis of the base run, `source_token`, `differs`, and the attributes
  /// `direction`, `base_run`, `source_run` and `sign`.
  void describe(Dataset& dataset) const;

 private:
  Tokens clean_, corrupted_;
  Direction direction_;
};

/// Metrics of base and source run, and the scale that turns effects into recoveries.
struct Gap {
  double base = 0;     ///< m(base)
  double source = 0;   ///< m(source)
  double min_gap = 0;  ///< least |m(source) - m(base)| of a recovery

  double value() const { return source - base; }  ///< m(source) - m(base)
  /// m(changed) - m(base). \param metrics  m(changed), any shape
  LENSBENCH_API at::Tensor effect(const at::Tensor& metrics) const;
  /// effect / gap; NaN everywhere if the gap is smaller than `min_gap` or 0.
  LENSBENCH_API at::Tensor recovery(const at::Tensor& metrics) const;
};

/// What makes two archives comparable; every dataset of a tool that changes runs has it.
struct Provenance {
  std::string definition;         ///< name and version of the formula: `patching/1`
  std::string rule = "none";      ///< rule of an integral or of corruption
  std::int64_t samples = 1;       ///< number of random samples
  std::int64_t seed_stream = -1;  ///< Philox stream of the draws; -1: nothing is drawn

  /// Adds the attributes `definition`, `rule`, `samples` and `seed_stream`.
  LENSBENCH_API void describe(Dataset& dataset) const;
};

}  // namespace lensbench
