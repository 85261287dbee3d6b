#include "options.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "directions.hpp"

namespace lensbench::steering {
namespace {

[[noreturn]] void refuse_options(const std::string& fault) {
  throw UsageError("steering: " + fault);
}

SteeringMode mode_of(const std::string& name) {
  if (name == "project") return SteeringMode::project;
  return name == "clamp" ? SteeringMode::clamp : SteeringMode::add;
}

SteeredPart part_of(const std::string& name) {
  if (name == "prompt") return SteeredPart::prompt;
  if (name == "generated") return SteeredPart::generated;
  return name == "last" ? SteeredPart::last : SteeredPart::all;
}

}  // namespace

SteeringOptions options_of(const Model& model, const Parameters& parameters) {
  SteeringOptions options;
  options.metric = metric_options(model, parameters);
  options.layers = parse_layers(parameters.list("layers"), model.spec().n_layers);
  options.mode = mode_of(parameters.text("mode"));
  options.alphas = parameters.numbers("alphas");
  options.relative = parameters.text("scale") == "relative";
  options.where = part_of(parameters.text("where"));
  options.positions = parameters.integers("positions");
  options.max_new_tokens = parameters.integer("max_new_tokens");
  options.temperature = parameters.number("temperature");
  for (const std::string& token : parameters.list("target_tokens"))
    options.target_tokens.push_back(parse_target(model, token).id);
  options.neutral = parameters.text("neutral");
  options.window = parameters.integer("window");
  options.windows = parameters.integer("windows");
  options.controls = parameters.integer("controls");
  return options;
}

namespace {

void check_alphas(const std::vector<double>& alphas) {
  for (const double alpha : alphas) {
    if (!std::isfinite(alpha)) refuse_options("alphas has a number that is not finite");
    if (std::count(alphas.begin(), alphas.end(), alpha) > 1)
      refuse_options("alphas has a strength twice; give each once");
  }
  if (std::find(alphas.begin(), alphas.end(), 0.0) == alphas.end())
    refuse_options("alphas lacks 0, with which the other strengths are compared; add 0");
  if (alphas.size() < 2) refuse_options("alphas has 0 alone; give at least one other strength");
}

}  // namespace

std::vector<double> checked_alphas(const SteeringOptions& options) {
  // Half a projection is not an intervention that can be stored, so strengths between are refused.
  if (options.mode == SteeringMode::project) {
    if (!options.alphas.empty())
      refuse_options(
          "alphas is given, but mode=project takes the component out as a whole (alpha "
          "1) or not at all (0); leave it out, or give mode=clamp");
    return {0, 1};
  }
  // A push that is longer than the stream itself says little about the direction.
  if (options.alphas.empty() && options.relative)
    return {-1, -0.5, -0.2, -0.1, 0, 0.1, 0.2, 0.5, 1};
  if (options.alphas.empty()) return {-8, -4, -2, -1, 0, 1, 2, 4, 8};
  check_alphas(options.alphas);
  return options.alphas;
}

SteeredTokens checked_tokens(const SteeringOptions& options, std::int64_t length) {
  SteeredTokens where{options.where, {}};
  if (options.positions.empty()) return where;
  if (options.where != SteeredPart::all)
    refuse_options("positions and where are both given; give one of them");
  for (const std::int64_t position : options.positions)
    where.positions.push_back(resolve_position("steering", position, length));
  // Sorted, and each once: 2 and -1 may name the same token.
  std::sort(where.positions.begin(), where.positions.end());
  for (std::size_t i = 1; i < where.positions.size(); ++i)
    if (where.positions[i] == where.positions[i - 1])
      refuse_options("position " + std::to_string(where.positions[i]) +
                     " is given twice, and a direction is added once; give it once");
  return where;
}

void check_options(const Model& model, const SteeringOptions& options, std::int64_t length) {
  if (options.metric.metric == Metric::kl)
    refuse_options(
        "metric kl is always measured, as the variable kl; give logit_difference, logit, "
        "log_probability or probability");
  if (options.controls < 1)
    refuse_options("controls is " + std::to_string(options.controls) +
                   ", but an effect means nothing without that of a random direction; give at "
                   "least 1");
  if (options.window < 2) refuse_options("window must be at least 2 tokens");
  if (options.windows < 0) refuse_options("windows must be 0 (all) or positive");
  if (options.max_new_tokens < 0) refuse_options("max_new_tokens must be 0 or positive");
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature))
    refuse_options("temperature must be 0 (greedy) or a positive number");
  if (options.where == SteeredPart::generated && options.max_new_tokens < 2)
    refuse_options(
        "where=generated needs max_new_tokens of at least 2, since the last generated "
        "token is never run");
  if (!options.target_tokens.empty() && options.max_new_tokens == 0)
    refuse_options("target_tokens is given, but nothing is generated; set max_new_tokens");
  // The median leaves out the first token.
  if (options.relative && options.mode != SteeringMode::project && length == 1)
    refuse_options(
        "scale=relative needs the stream of a second token, but the prompt has one "
        "token; give a longer prompt, or scale=raw");
  // The last new token is not run.
  const std::int64_t limit = position_limit(model.spec());
  if (length + std::max<std::int64_t>(0, options.max_new_tokens - 1) > limit)
    refuse_options("the prompt of " + std::to_string(length) + " tokens and " +
                   std::to_string(options.max_new_tokens) + " new ones are longer than the " +
                   std::to_string(limit) + " positions of the model; generate fewer tokens");
}

void check_sources(const Parameters& parameters) {
  // A source that is not used would be ignored in silence.
  const bool file = !parameters.text("direction").empty();
  const bool plus = !parameters.text("plus").empty(), minus = !parameters.text("minus").empty();
  const bool pairs = !parameters.text("pairs").empty();
  if (plus != minus)
    refuse_options(
        std::string(plus ? "plus is given without minus" : "minus is given without plus") +
        "; give both prompts, neither of them empty");
  const int sources = (file ? 1 : 0) + (plus ? 1 : 0) + (pairs ? 1 : 0);
  if (sources != 1)
    refuse_options(std::string(sources == 0 ? "a direction is missing"
                                            : "more than one source of a direction is given") +
                   "; give either direction (a file), or plus and minus (prompts), or pairs (a "
                   "file of prompts)");
  if (!file && parameters.is_set("direction_row"))
    refuse_options("direction_row is given, but only direction uses it; leave it out");
  if (file && parameters.integer("align") != -1)
    refuse_options("align is given, but only plus, minus and pairs use it; leave it out");
}

}  // namespace lensbench::steering
