#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <limits>
#include <utility>

namespace lensbench {
namespace {

/// Most logits held at a time: 16 MiB of float32, and twice that in float64.
constexpr std::int64_t kLogitsPerChunk = std::int64_t{1} << 22;

/// Names of the metrics in parameters and attributes.
constexpr std::array kMetrics = {
    std::pair{Metric::logit_difference, "logit_difference"}, std::pair{Metric::logit, "logit"},
    std::pair{Metric::log_probability, "log_probability"},
    std::pair{Metric::probability, "probability"}, std::pair{Metric::kl, "kl"}};

/// Logits of single tokens need two rows of the unembedding, all others the whole vocabulary.
bool needs_vocabulary(Metric metric) {
  return metric != Metric::logit_difference && metric != Metric::logit;
}

/// At least one row, whatever the vocabulary.
std::int64_t rows_per_chunk(const Model& model) {
  return std::max<std::int64_t>(
      1, kLogitsPerChunk / std::max<std::int64_t>(1, model.spec().vocab_size));
}

/// float64, so that differences of probabilities near 1 keep their digits.
at::Tensor log_probabilities(const Model& model, const at::Tensor& normalized) {
  return at::log_softmax(model.unembed(normalized).to(at::kDouble), -1);
}

/// Id of a target at one position of the clean run.
std::int64_t token_at(const std::string& who, const Model& model, const Target& target,
                      const Tokens& clean, std::int64_t position, const at::Tensor& residual) {
  if (target.kind == Target::Kind::token) {
    if (target.id >= 0 && target.id < model.spec().vocab_size) return target.id;
    throw UsageError(who + ": token id " + std::to_string(target.id) +
                     " is outside the vocabulary; give an id from 0 to " +
                     std::to_string(model.spec().vocab_size - 1));
  }
  // At the last position nothing follows: the model's own prediction takes the place of `next`.
  if (target.kind == Target::Kind::next && position + 1 < clean.size())
    return clean.ids[static_cast<std::size_t>(position + 1)];
  const at::Tensor row = model.final_norm(residual.narrow(0, position, 1));
  return model.unembed(row).argmax(-1).item<std::int64_t>();
}

std::string text_of(const Model& model, std::int64_t id) {
  return to_str_tokens(model, std::vector<std::int64_t>{id}).front();
}

/// `'And'(262), ' God'(34)`.
std::string listed(const Tokens& tokens) {
  std::string text;
  for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
    const std::string shown = i < tokens.texts.size() ? tokens.texts[i] : "";
    text += (i == 0 ? "" : " ") + ("'" + shown + "'") + "(" + std::to_string(tokens.ids[i]) + ")";
  }
  return text;
}

}  // namespace

const char* to_string(Metric metric) {
  for (const auto& [value, name] : kMetrics)
    if (value == metric) return name;
  return "";
}

const char* units_of(Metric metric) {
  return metric == Metric::log_probability || metric == Metric::kl ? "nats" : "1";
}

Metric parse_metric(std::string_view name) {
  std::string names;
  for (const auto& [value, known] : kMetrics) {
    if (name == known) return value;
    names += (names.empty() ? "" : ", ") + std::string(known);
  }
  throw UsageError("metric '" + std::string(name) + "' is unknown; give one of " + names);
}

const char* to_string(Direction direction) {
  return direction == Direction::denoise ? "denoise" : "noise";
}

Direction parse_direction(std::string_view name) {
  if (name == "denoise") return Direction::denoise;
  if (name == "noise") return Direction::noise;
  throw UsageError("direction '" + std::string(name) + "' is unknown; give denoise or noise");
}

/// Tools declare only some of these parameters; those that they do not declare keep their defaults.
MetricOptions metric_options(const Model& model, const Parameters& parameters) {
  MetricOptions options;
  if (parameters.declares("metric") && parameters.is_set("metric"))
    options.metric = parse_metric(parameters.text("metric"));
  if (parameters.declares("versus") && parameters.is_set("versus"))
    options.versus = parse_target(model, parameters.text("versus"));
  if (parameters.declares("position")) options.position = parameters.integer("position");
  return options;
}

/// The target of a case wins over the parameter of the tool.
Target target_of(const Model& model, const Request& request) {
  if (request.target()) return *request.target();
  const Parameters& parameters = request.parameters();
  const bool given = parameters.declares("target") && parameters.is_set("target");
  return given ? parse_target(model, parameters.text("target")) : Target::model();
}

std::int64_t resolve_position(std::string_view who, std::int64_t position, std::int64_t length) {
  const std::int64_t index = position < 0 ? position + length : position;
  if (index >= 0 && index < length) return index;
  throw UsageError(std::string(who) + ": position " + std::to_string(position) +
                   " is outside the prompt of " + std::to_string(length) + " tokens; give 0 to " +
                   std::to_string(length - 1) + ", or -1 to -" + std::to_string(length) +
                   " to count from the end");
}

/// Tokens are fixed on the clean run, so that the metric asks every changed run about the same
/// ones.
MetricReader::MetricReader(std::string_view who, const Model& model, const Tokens& clean,
                           const at::Tensor& residual, const Target& target,
                           const MetricOptions& options)
    : who_(who), model_(&model) {
  position_ = resolve_position(who, options.position, clean.size());
  target_ = token_at(who_, model, target, clean, position_, residual);
  if (options.versus) {
    versus_ = token_at(who_, model, *options.versus, clean, position_, residual);
    if (*versus_ == target_)
      throw UsageError(who_ + ": target '" + to_string(target) + "' and versus '" +
                       to_string(*options.versus) + "' are both token '" + text_of(model, target_) +
                       "' (" + std::to_string(target_) +
                       "), so their difference is zero; give two different tokens");
  }
  // A second token makes the difference the natural question.
  read_several(
      {options.metric.value_or(versus_ ? Metric::logit_difference : Metric::log_probability)});
}

void MetricReader::read_several(std::vector<Metric> metrics) {
  for (const Metric metric : metrics)
    if (metric == Metric::logit_difference && !versus_)
      throw UsageError(who_ +
                       ": metric logit_difference needs a second token; set versus, or use metric "
                       "logit");
  if (metrics.empty()) throw UsageError(who_ + ": there are 0 metrics; give at least one");
  metrics_ = std::move(metrics);
}

/// Constant for the gradient: the metric is differentiated by the changed run alone.
void MetricReader::set_base(const at::Tensor& row) {
  base_log_probabilities_ =
      log_probabilities(*model_, model_->final_norm(row.unsqueeze(0)))[0].detach();
}

/// Logits of one token for all rows, before any softcap: a product with one row of the unembedding.
at::Tensor MetricReader::token_logits(const at::Tensor& normalized, std::int64_t id) const {
  const Unembedding& unembedding = model_->unembedding();
  at::Tensor logits = normalized.to(at::kDouble).mv(unembedding.weight[id].to(at::kDouble));
  if (unembedding.bias.defined()) logits = logits.add(unembedding.bias[id].to(at::kDouble));
  return unembedding.logit_scale == 1.0 ? logits : logits.mul(unembedding.logit_scale);
}

/// Metrics of some rows. The log-probabilities are computed at most once for all metrics.
at::Tensor MetricReader::of_chunk(const at::Tensor& normalized) const {
  at::Tensor all;
  const auto vocabulary = [&] {
    if (!all.defined()) all = log_probabilities(*model_, normalized);
    return all;
  };
  std::vector<at::Tensor> values;
  for (const Metric metric : metrics_) {
    if (metric == Metric::logit_difference)
      values.push_back(token_logits(normalized, target_).sub(token_logits(normalized, *versus_)));
    if (metric == Metric::logit) values.push_back(token_logits(normalized, target_));
    if (metric == Metric::log_probability) values.push_back(vocabulary().select(1, target_));
    if (metric == Metric::probability) values.push_back(vocabulary().select(1, target_).exp());
    if (metric != Metric::kl) continue;
    if (!base_log_probabilities_.defined())
      throw UsageError(who_ + ": metric kl compares with a base run, which is not set");
    const at::Tensor& base = base_log_probabilities_;
    // KL(base || run), summed over the vocabulary.
    values.push_back(base.sub(vocabulary()).mul(base.exp()).sum(-1));
  }
  return values.size() == 1 ? values.front() : at::stack(values, 1);
}

/// Rows in chunks that bound the logits in memory; with single tokens all at once.
at::Tensor MetricReader::operator()(const at::Tensor& rows) const {
  const at::Tensor normalized = model_->final_norm(rows);
  const bool whole = std::none_of(metrics_.begin(), metrics_.end(), needs_vocabulary);
  const std::int64_t most = whole ? rows.size(0) : rows_per_chunk(*model_);
  std::vector<at::Tensor> chunks;
  for (std::int64_t begin = 0; begin < rows.size(0); begin += most)
    chunks.push_back(of_chunk(normalized.narrow(0, begin, std::min(most, rows.size(0) - begin))));
  return chunks.size() == 1 ? chunks.front() : at::cat(chunks);
}

/// The sweep calls the reader, which must outlive it.
RowMetrics MetricReader::rows() const {
  return [this](const at::Tensor& rows) { return (*this)(rows); };
}

void MetricReader::describe(Dataset& dataset) const {
  std::vector<std::string> names;
  for (const Metric metric : metrics_) names.emplace_back(to_string(metric));
  if (names.size() == 1)
    dataset.attributes["metric"] = names.front();
  else
    dataset.attributes["metric"] = names;
  dataset.attributes["target"] = target_;
  dataset.attributes["target_token"] = text_of(*model_, target_);
  dataset.attributes["versus"] = versus_ ? std::to_string(*versus_) : "none";
  dataset.attributes["versus_token"] = versus_ ? text_of(*model_, *versus_) : "none";
  dataset.attributes["position"] = position_;
}

/// Unequal lengths are shown with both token lists, since tokenization often differs from what was
/// expected.
PairedRuns::PairedRuns(std::string_view who, Tokens clean, Tokens corrupted, Direction direction)
    : clean_(std::move(clean)), corrupted_(std::move(corrupted)), direction_(direction) {
  if (clean_.size() == 0)
    throw UsageError(std::string(who) + ": the prompt is empty; give at least one token");
  if (clean_.size() == corrupted_.size()) return;
  throw UsageError(std::string(who) + ": the clean prompt has " + std::to_string(clean_.size()) +
                   " tokens, the corrupted one " + std::to_string(corrupted_.size()) +
                   "; give prompts of equal length (clean: " + listed(clean_) +
                   "; corrupted: " + listed(corrupted_) + ")");
}

/// int8 rather than bool, as for other flags of results.
at::Tensor PairedRuns::differs() const {
  at::Tensor values = at::empty({clean_.size()}, at::kChar);
  for (std::size_t i = 0; i < clean_.ids.size(); ++i)
    values[static_cast<std::int64_t>(i)] = clean_.ids[i] == corrupted_.ids[i] ? 0 : 1;
  return values;
}

void PairedRuns::describe(Dataset& dataset) const {
  add_token_axis(dataset, base().ids, base().texts);
  dataset.add({.name = "source_token",
               .dims = {"token"},
               .strings = source().texts,
               .long_name = "token text of the source run at this position",
               .coordinate = true});
  dataset.add({.name = "differs",
               .dims = {"token"},
               .tensor = differs(),
               .long_name = "1 where the two prompts differ",
               .coordinate = true});
  const bool denoise = direction_ == Direction::denoise;
  dataset.attributes["direction"] = to_string(direction_);
  dataset.attributes["base_run"] = denoise ? "corrupted" : "clean";
  dataset.attributes["source_run"] = denoise ? "clean" : "corrupted";
  dataset.attributes["sign"] = "effect = m(changed) - m(base)";
}

at::Tensor Gap::effect(const at::Tensor& metrics) const {
  return metrics.to(at::kDouble).sub(base);
}

/// A gap near 0 would make every recovery a quotient of roundings.
at::Tensor Gap::recovery(const at::Tensor& metrics) const {
  const double gap = value();
  const bool defined = std::abs(gap) >= min_gap && gap != 0.0 && std::isfinite(gap);
  return effect(metrics).div(defined ? gap : std::numeric_limits<double>::quiet_NaN());
}

void Provenance::describe(Dataset& dataset) const {
  dataset.attributes["definition"] = definition;
  dataset.attributes["rule"] = rule;
  dataset.attributes["samples"] = samples;
  dataset.attributes["seed_stream"] = seed_stream;
}

}  // namespace lensbench
