#include <cmath>

#include "report/terminal/bar_chart.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/view.hpp"

namespace lensbench::terminal {
namespace {

constexpr std::size_t kMostComponents = 50;
constexpr std::size_t kMostHeads = 8;

/// Bars of contributions, with the effect of each ablation after them.
Lines component_chart(const std::vector<Bar>& bars, const std::vector<std::string>& ablations,
                      const TerminalStyle& style) {
  std::vector<std::string> headers{"component", "direct"};
  headers.insert(headers.end(), ablations.begin(), ablations.end());
  Lines lines = bar_chart(largest(bars, kMostComponents, BarOrder::as_given), headers, style);
  if (bars.size() > kMostComponents)
    say(lines,
        count(std::ssize(bars) - static_cast<std::ptrdiff_t>(kMostComponents),
              "smaller component") +
            " not shown; the archive has all.",
        style);
  return lines;
}

/// Adds an explanation of the columns.
void explain_attribution(Lines& lines, const std::vector<std::string>& ablations,
                         const TerminalStyle& style) {
  std::string text = "direct: what the component adds to the logit.";
  for (const auto& kind : ablations)
    text += cat({" ", kind, ": change of the logit when its output is replaced by ",
                 kind == "mean"             ? "its mean over the reference prompts."
                 : kind == "mean_of_prompt" ? "its mean over this prompt."
                                            : "zeros."});
  lines.emplace_back();
  say(lines, text, style);
}

/// A correlation is undefined (NaN) if one side is constant.
std::string number_or_none(double value) {
  return std::isnan(value) ? "undefined" : fixed(value, 2);
}

/// Direct logit attribution at one position of a case, whose parts are drawn as far as the dataset
/// has them: components, largest heads and neurons, agreement with ablations.
class AttributionCase {
 public:
  AttributionCase(const View& view, const CaseRange& range, bool only)
      : view_(view), range_(range), token_(position(only)) {}

  Lines write() const {
    Lines lines;
    headline(lines);
    components(lines);
    heads(lines);
    neurons(lines);
    correlation(lines);
    return lines;
  }

 private:
  // Analysed position: the attribute of a dataset of a single case (`only`), else the last
  // position, because the attribute does not apply to joined cases of different lengths.
  std::int64_t position(bool only) const {
    const auto found = view_.dataset.attributes.find("position");
    if (only && found != view_.dataset.attributes.end())
      if (const auto* at = std::get_if<std::int64_t>(&found->second))
        if (*at >= 0 && *at < range_.size()) return *at;
    return range_.size() - 1;
  }

  // Value of a variable [token] at the analysed position; NaN without the variable.
  double at_token(const std::string& name) const {
    if (!has(view_.dataset, name, {"token"})) return NAN;
    return grid(view_.dataset, name, range_)(token_);
  }

  std::string token_of(const std::string& name) const {
    const double id = at_token(name);
    return std::isnan(id) ? "" : view_.quoted(view_.token(id));
  }

  // What the contributions add up to: the logit of the target, or its difference to `versus`.
  void headline(Lines& lines) const {
    const auto texts = token_texts(view_.dataset, range_);
    std::string line = token_of("versus_id").empty() ? "Logit of " : "Logit difference of ";
    line += token_of("target_id");
    if (!token_of("versus_id").empty())
      line += (view_.style.unicode ? " − " : " - ") + token_of("versus_id");
    line +=
        " after " + view_.quoted(view_.token(texts[static_cast<std::size_t>(token_)])) +
        " (position " +
        std::to_string(token_positions(view_.dataset, range_)[static_cast<std::size_t>(token_)]) +
        "): " + fixed(at_token("target_logit"), 3) + ", the sum of what was added to the stream:";
    say(lines, line, view_.style);
  }

  // Kinds of ablation in the dataset; empty if none was run.
  std::vector<std::string> ablations() const {
    const bool there = has(view_.dataset, "ablation_effect", {"ablation", "component", "token"});
    return there ? labels_of(view_, "ablation") : std::vector<std::string>{};
  }

  // Components keep the order of the model, because attribution is read along its depth.
  void components(Lines& lines) const {
    const auto names = labels_of(view_, "component");
    const Grid values = grid(view_.dataset, "logit_contribution", range_);
    const auto kinds = ablations();
    const Grid effects = kinds.empty() ? Grid() : grid(view_.dataset, "ablation_effect", range_);
    std::vector<Bar> bars;
    for (std::int64_t c = 0; c < values.length(0); ++c) {
      Bar bar{names[static_cast<std::size_t>(c)], values(c, token_), {}};
      for (std::size_t k = 0; k < kinds.size(); ++k) bar.further.push_back(effects(k, c, token_));
      bars.push_back(std::move(bar));
    }
    append(lines, component_chart(bars, kinds, view_.style));
  }

  // Heads are many: the largest ones are drawn, by size.
  void heads(Lines& lines) const {
    if (!has(view_.dataset, "head_contribution", {"layer", "head", "token"})) return;
    const Grid values = grid(view_.dataset, "head_contribution", range_);
    std::vector<Bar> bars;
    for (std::int64_t layer = 0; layer < values.length(0); ++layer)
      for (std::int64_t head = 0; head < values.length(1); ++head)
        bars.push_back({cat({"L", std::to_string(layer), "H", std::to_string(head)}),
                        values(layer, head, token_),
                        {}});
    lines.emplace_back();
    say(lines, "Largest of " + count(std::ssize(bars), "attention head") + ":", view_.style);
    append(lines, bar_chart(largest(bars, kMostHeads, BarOrder::largest_first), {}, view_.style));
  }

  // The tool stores the largest neurons only, in the order of their rank.
  void neurons(Lines& lines) const {
    const bool there = has(view_.dataset, "neuron_contribution", {"rank"}) &&
                       has(view_.dataset, "neuron_layer", {"rank"}) &&
                       has(view_.dataset, "neuron_index", {"rank"});
    if (!there) return;
    const Grid layer = grid(view_.dataset, "neuron_layer", range_);
    const Grid index = grid(view_.dataset, "neuron_index", range_);
    const Grid value = grid(view_.dataset, "neuron_contribution", range_);
    std::vector<Bar> bars;
    for (std::int64_t i = 0; i < value.length(0); ++i)
      bars.push_back({cat({"L", whole(layer(i)), "N", whole(index(i))}), value(i), {}});
    lines.emplace_back();
    say(lines, "Largest MLP neurons:", view_.style);
    append(lines, bar_chart(largest(bars, kMostHeads, BarOrder::largest_first), {}, view_.style));
  }

  // Whether direct contributions predict the effect of removing a component: later components may
  // compensate for it, so that both need not agree.
  void correlation(Lines& lines) const {
    const auto kinds = ablations();
    if (kinds.empty() || !has(view_.dataset, "pearson", {"ablation", "token"})) return;
    const Grid pearson = grid(view_.dataset, "pearson", range_);
    const bool ranked = has(view_.dataset, "spearman", {"ablation", "token"});
    const Grid spearman = ranked ? grid(view_.dataset, "spearman", range_) : Grid();
    lines.emplace_back();
    std::string line = "Direct contribution against the logit lost to ablation:";
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      line += (k == 0 ? " " : "; ") + kinds[k] + " r = " + number_or_none(pearson(k, token_));
      if (ranked) line += ", rank correlation " + number_or_none(spearman(k, token_));
    }
    say(lines, line + ".", view_.style);
  }

  const View& view_;
  CaseRange range_;
  std::int64_t token_;
};

/// View of an attribution averaged over cases, in variables `<name>_mean` [dim] or [ablation, dim].
class AverageAttribution {
 public:
  explicit AverageAttribution(const View& view) : view_(view) {}

  Lines write() const {
    Lines lines;
    say(lines, "Mean over the cases of what each component adds to the target logit:", view_.style);
    append(lines,
           component_chart(bars("component", "logit_contribution_mean"), ablations(), view_.style));
    if (has(view_.dataset, "layer_contribution_mean", {"layer"})) {
      lines.emplace_back();
      say(lines, "Attention and MLP of each block together:", view_.style);
      append(lines, bar_chart(bars("layer", "layer_contribution_mean"), {}, view_.style));
    }
    agreement(lines);
    explain_attribution(lines, ablations(), view_.style);
    return lines;
  }

 private:
  std::vector<std::string> ablations() const {
    const bool there = has(view_.dataset, "ablation_effect_mean", {"ablation", "component"});
    return there ? labels_of(view_, "ablation") : std::vector<std::string>{};
  }

  // Bars of means; ablation effects exist for components only.
  std::vector<Bar> bars(const std::string& dim, const std::string& name) const {
    const auto names = labels_of(view_, dim);
    const Grid values(view_.dataset[name].tensor);
    const bool ablated = dim == "component" && !ablations().empty();
    const Grid effects = ablated ? Grid(view_.dataset["ablation_effect_mean"].tensor) : Grid();
    std::vector<Bar> all;
    for (std::int64_t i = 0; i < values.length(0); ++i) {
      Bar bar{names[static_cast<std::size_t>(i)], values(i), {}};
      for (std::int64_t k = 0; ablated && k < effects.length(0); ++k)
        bar.further.push_back(effects(k, i));
      all.push_back(std::move(bar));
    }
    return all;
  }

  void agreement(Lines& lines) const {
    if (!has(view_.dataset, "pearson", {"ablation"}) ||
        !has(view_.dataset, "spearman", {"ablation"}))
      return;
    const Grid pearson(view_.dataset["pearson"].tensor), spearman(view_.dataset["spearman"].tensor);
    lines.emplace_back();
    std::string line = "Mean contribution against mean logit lost:";
    const auto kinds = labels_of(view_, "ablation");
    for (std::size_t k = 0; k < kinds.size(); ++k)
      line += cat({k == 0 ? " " : "; ", kinds[k], " r = ", number_or_none(pearson(k)),
                   ", rank correlation ", number_or_none(spearman(k))});
    say(lines, line + ".", view_.style);
  }

  const View& view_;
};

}  // namespace

bool is_average_attribution(const Dataset& dataset) {
  return has(dataset, "logit_contribution_mean", {"component"}) &&
         allows(dataset, "logit_contribution_mean", lensbench::View::bars);
}

Lines average_attribution_view(const View& view) {
  return AverageAttribution(view).write();
}

/// The dimensions tell single cases from averages, which lack `token`.
bool is_attribution(const Dataset& dataset) {
  return has(dataset, "logit_contribution", {"component", "token"}) && dataset.dim("token") > 0 &&
         allows(dataset, "logit_contribution", lensbench::View::bars);
}

Lines attribution_view(const View& view) {
  const auto cases = token_cases(view.dataset);
  Lines lines = draw_cases(view, cases, [&](const CaseRange& range, std::size_t n_cases) {
    return AttributionCase(view, range, n_cases == 1).write();
  });
  const bool ablated = has(view.dataset, "ablation_effect", {"ablation", "component", "token"});
  // The columns are explained once for all cases.
  explain_attribution(lines, ablated ? labels_of(view, "ablation") : std::vector<std::string>{},
                      view.style);
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal
