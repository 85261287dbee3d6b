#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/terminal/paint.hpp"
#include "report/terminal/view.hpp"

namespace lensbench::terminal {
namespace {

constexpr std::size_t kMostComponents = 50;
constexpr std::size_t kMostHeads = 8;

std::string with_sign(double value) {
  const std::string digits = fixed(value, 3);
  return value >= 0 ? cat({"+", digits}) : digits;
}

/// One named contribution, with what ablating it did.
struct Row {
  std::string name;
  double value = 0;
  std::vector<double> effects;
};

std::size_t count_kept(std::size_t n, std::size_t most) {
  return std::min(n, most);
}

/// Indices of the `most` largest by absolute value, in the given order or largest first.
std::vector<std::size_t> largest(const std::vector<Row>& rows, std::size_t most, bool sorted) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(rows[a].value) > std::abs(rows[b].value);
  });
  order.resize(count_kept(rows.size(), most));
  if (!sorted) std::sort(order.begin(), order.end());
  return order;
}

/// Name, value, bar, and one column for each kind of ablation.
class BarChart {
 public:
  BarChart(const std::vector<Row>& rows, std::vector<std::string> effects,
           const TerminalStyle& style)
      : rows_(rows), effects_(std::move(effects)), style_(style) {
    for (const Row& row : rows_) {
      name_width_ = std::max(name_width_, display_width(row.name));
      scale_ = std::max(scale_, std::isfinite(row.value) ? std::abs(row.value) : 0.0);
    }
    name_width_ = std::min(name_width_, 16);
    const int fixed_part = name_width_ + 1 + kNumber + 1;
    const int ablations = static_cast<int>(effects_.size()) * (kNumber + 1);
    bar_width_ = std::clamp(style_.columns - fixed_part - ablations - 1, 7, 61);
  }

  Lines write(const std::vector<std::size_t>& order) const {
    Lines lines;
    if (!effects_.empty()) lines.push_back(header());
    for (const std::size_t i : order) lines.push_back(line(rows_[i]));
    return lines;
  }

 private:
  static constexpr int kNumber = 8;

  std::string header() const {
    const int bar = 2 * std::max(1, (bar_width_ - 1) / 2) + 1;
    std::string text = fit("component", name_width_, Align::left, style_.unicode) + " " +
                       fit("direct", kNumber, Align::right) + " " + fit("", bar, Align::left);
    for (const auto& effect : effects_)
      text += cat({" ", fit(effect, kNumber, Align::right, style_.unicode)});
    return faint(text, style_);
  }

  std::string line(const Row& row) const {
    std::string text = fit(row.name, name_width_, Align::left, style_.unicode) + " " +
                       fit(with_sign(row.value), kNumber, Align::right, style_.unicode) + " " +
                       signed_bar(row.value, scale_, bar_width_, style_);
    for (const double effect : row.effects)
      text += cat({" ", fit(std::isnan(effect) ? "" : with_sign(effect), kNumber, Align::right,
                            style_.unicode)});
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

  const std::vector<Row>& rows_;
  std::vector<std::string> effects_;
  const TerminalStyle& style_;
  int name_width_ = 9, bar_width_ = 0;
  double scale_ = 0;
};

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
  // The analysed position is one number for the dataset; joined cases differ in length.
  std::int64_t position(bool only) const {
    const auto found = view_.dataset.attributes.find("position");
    if (only && found != view_.dataset.attributes.end())
      if (const auto* at = std::get_if<std::int64_t>(&found->second))
        if (*at >= 0 && *at < range_.size()) return *at;
    return range_.size() - 1;
  }

  double at_token(const std::string& name) const {
    if (!has(view_.dataset, name, {"token"})) return NAN;
    return grid(view_.dataset, name, range_)(token_);
  }

  std::string token_of(const std::string& name) const {
    const double id = at_token(name);
    return std::isnan(id) ? "" : view_.quoted(view_.token(id));
  }

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

  std::vector<std::string> ablations() const {
    if (!view_.dataset.contains("ablation_effect") || !view_.dataset.contains("ablation"))
      return {};
    const auto& names = view_.dataset["ablation"];
    if (!names.is_text() || view_.dataset["ablation_effect"].dims !=
                                std::vector<std::string>{"ablation", "component", "token"})
      return {};
    std::vector<std::string> headers;
    for (const auto& name : names.strings) headers.push_back(view_.text(name));
    return headers;
  }

  void components(Lines& lines) const {
    const auto names = component_names();
    const Grid values = grid(view_.dataset, "logit_contribution", range_);
    const auto kinds = ablations();
    const Grid effects = kinds.empty() ? Grid() : grid(view_.dataset, "ablation_effect", range_);
    std::vector<Row> rows;
    for (std::int64_t c = 0; c < values.length(0); ++c) {
      Row row{names[static_cast<std::size_t>(c)], values(c, token_), {}};
      for (std::size_t k = 0; k < kinds.size(); ++k) row.effects.push_back(effects(k, c, token_));
      rows.push_back(std::move(row));
    }
    append(lines, BarChart(rows, kinds, view_.style).write(largest(rows, kMostComponents, false)));
    if (!kinds.empty())
      say(lines,
          "direct: share of the logit. zero, mean: change of the logit when the output is "
          "replaced by that.",
          view_.style, 2);
    if (rows.size() > kMostComponents)
      say(lines,
          std::to_string(rows.size() - kMostComponents) +
              " smaller components are left out here; the archive has them.",
          view_.style, 2);
  }

  std::vector<std::string> component_names() const {
    std::vector<std::string> names;
    const bool known =
        has(view_.dataset, "component", {"component"}) && view_.dataset["component"].is_text();
    for (std::int64_t c = 0; c < view_.dataset.dim("component"); ++c)
      names.push_back(
          known ? view_.text(view_.dataset["component"].strings[static_cast<std::size_t>(c)])
                : std::to_string(c));
    return names;
  }

  void heads(Lines& lines) const {
    if (!has(view_.dataset, "head_contribution", {"layer", "head", "token"})) return;
    const Grid values = grid(view_.dataset, "head_contribution", range_);
    std::vector<Row> rows;
    for (std::int64_t layer = 0; layer < values.length(0); ++layer)
      for (std::int64_t head = 0; head < values.length(1); ++head)
        rows.push_back({cat({"L", std::to_string(layer), "H", std::to_string(head)}),
                        values(layer, head, token_),
                        {}});
    lines.emplace_back();
    const auto order = largest(rows, kMostHeads, true);
    say(lines, "Largest of " + count(std::ssize(rows), "attention head") + ":", view_.style);
    append(lines, BarChart(rows, {}, view_.style).write(order));
  }

  void neurons(Lines& lines) const {
    const bool there = has(view_.dataset, "neuron_contribution", {"rank"}) &&
                       has(view_.dataset, "neuron_layer", {"rank"}) &&
                       has(view_.dataset, "neuron_index", {"rank"});
    if (!there) return;
    const Grid layer = grid(view_.dataset, "neuron_layer", range_);
    const Grid index = grid(view_.dataset, "neuron_index", range_);
    const Grid value = grid(view_.dataset, "neuron_contribution", range_);
    std::vector<Row> rows;
    for (std::int64_t i = 0; i < value.length(0); ++i)
      rows.push_back({cat({"L", whole(layer(i)), "N", whole(index(i))}), value(i), {}});
    lines.emplace_back();
    say(lines, "Largest MLP neurons:", view_.style);
    append(lines, BarChart(rows, {}, view_.style).write(largest(rows, kMostHeads, true)));
  }

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

  static std::string number_or_none(double value) {
    return std::isnan(value) ? "undefined" : fixed(value, 2);
  }

  const View& view_;
  CaseRange range_;
  std::int64_t token_;
};

}  // namespace

bool is_attribution(const Dataset& dataset) {
  return has(dataset, "logit_contribution", {"component", "token"}) && dataset.dim("token") > 0;
}

Lines attribution_view(const View& view) {
  Lines lines;
  const auto cases = token_cases(view.dataset);
  for (std::size_t i = 0; i < cases_to_draw(cases.size()); ++i) {
    if (i > 0) lines.emplace_back();
    const std::string heading = case_heading(view, cases[i], cases.size());
    if (!heading.empty()) say(lines, heading, view.style);
    append(lines, AttributionCase(view, cases[i], cases.size() == 1).write());
  }
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal
