#include "report/views/lens_grid.hpp"

#include <algorithm>

#include "report/terminal/paint.hpp"

namespace lensbench::terminal {
namespace {

constexpr int kLabelWidth = 7;
constexpr int kNarrowest = 4;  // smallest width of a token
constexpr int kShortened = 7;  // smallest width of a token that is shortened to save a block
constexpr int kWidest = 12;
constexpr std::size_t kMostLines = 66;  // approximate limit for all blocks; at least two are shown

/// Content of one column.
struct Position {
  std::string number, input, settles;
  std::vector<std::string> tokens;  // one per layer
  std::vector<double> probabilities;
  std::vector<bool> final;  // whether the first choice is the final one from this layer on
  int width = kNarrowest;   // width of the tokens
};

class GridWriter {
 public:
  GridWriter(const View& view, const LensPoint& point, const CaseRange& range)
      : view_(view),
        style_(view.style),
        ids_(grid(view.dataset, point.prefix + "top_id", range)),
        probabilities_(grid(view.dataset, point.prefix + "top_probability", range)),
        settled_(point.prefix.empty() ? grid(view.dataset, "settled_layer", range) : Grid()),
        numbers_(layer_numbers(view.dataset, point.axis)),
        layers_(layers_to_draw(ids_.length(0))) {
    const auto inputs = token_texts(view.dataset, range);
    const auto numbers = token_positions(view.dataset, range);
    for (std::size_t p = 0; p < inputs.size(); ++p) add_position(p, numbers[p], inputs[p]);
    choose_widths();
  }

  Lines write() const {
    Lines lines;
    const auto blocks = split();
    // The last positions are kept, because the prediction after the text is there.
    const std::size_t first = blocks.size() > most_blocks() ? blocks.size() - most_blocks() : 0;
    if (first > 0) {
      const std::string last_left_out = positions_[blocks[first].first - 1].number;
      say(lines,
          "Positions " + positions_.front().number + " to " + last_left_out +
              " are not shown; the archive has them.",
          style_);
    }
    for (std::size_t b = first; b < blocks.size(); ++b) {
      if (b > first) lines.emplace_back();
      append(lines, block(blocks[b].first, blocks[b].second));
    }
    if (std::ssize(layers_) < ids_.length(0))
      say(lines,
          "Only some layers are shown; the archive has all " + std::to_string(ids_.length(0)) + ".",
          style_);
    return lines;
  }

 private:
  using Span = std::pair<std::size_t, std::size_t>;

  // Column of one position: the texts of all drawn layers, so that widths are known before blocks
  // are packed.
  void add_position(std::size_t p, std::int64_t number, const std::string& input) {
    Position column;
    column.number = std::to_string(number);
    column.input = view_.token(input);
    if (!settled_.empty())
      // -1: the final answer of the model is first at none of the layers, which the lens without
      // the final norm (`norm=false`) can cause.
      column.settles = settled_(p) < 0 ? (style_.unicode ? "–" : "-") : whole(settled_(p));
    int widest = std::max(display_width(column.input), display_width(column.number));
    for (const std::int64_t layer : layers_) {
      column.tokens.push_back(view_.token(ids_(layer, p, 0)));
      column.probabilities.push_back(probabilities_(layer, p, 0));
      column.final.push_back(!settled_.empty() && settled_(p) >= 0 &&
                             number_of(layer) >= settled_(p));
      widest = std::max(widest, display_width(column.tokens.back()));
    }
    column.width = std::clamp(widest, kNarrowest, kWidest);
    positions_.push_back(std::move(column));
  }

  double number_of(std::int64_t layer) const {
    return static_cast<double>(numbers_[static_cast<std::size_t>(layer)]);
  }

  // Width of a column: the token and a margin on each side, or a gap and two digits.
  int cell_width(const Position& p) const { return p.width + (style_.colour ? 2 : 5); }

  // At least two blocks, each of the layers, three lines of labels and a blank line.
  std::size_t most_blocks() const {
    return std::max<std::size_t>(2, kMostLines / (layers_.size() + 4));
  }

  // Blocks of positions, packed from the end, so that the last block of a long text is full.
  std::vector<Span> pack(int columns) const {
    std::vector<Span> blocks;
    std::size_t end = positions_.size();
    while (end > 0) {
      std::size_t begin = end;
      for (int used = kLabelWidth; begin > 0; --begin) {
        used += cell_width(positions_[begin - 1]);
        if (used > columns && begin < end) break;
      }
      blocks.emplace_back(begin, end);
      end = begin;
    }
    std::reverse(blocks.begin(), blocks.end());
    return blocks;
  }

  // Blocks of about equal width: if all blocks are shown, lines are made narrower as long as that
  // does not add a block.
  std::vector<Span> split() const {
    const std::size_t n = pack(style_.columns).size();
    int columns = style_.columns;
    while (n <= most_blocks() && columns > kLabelWidth && pack(columns - 1).size() == n) --columns;
    return pack(columns);
  }

  // Shortens tokens if that saves a block.
  void choose_widths() {
    std::size_t fewest = pack(style_.columns).size();
    // Limits decrease, and a result is kept only if it needs fewer blocks: tokens are cut no more
    // than necessary.
    std::vector<Position> best = positions_;
    for (int limit = kWidest - 1; limit >= kShortened && fewest > 1; --limit) {
      for (Position& position : positions_) position.width = std::min(position.width, limit);
      const std::size_t blocks = pack(style_.columns).size();
      if (blocks < fewest) fewest = blocks, best = positions_;
    }
    positions_ = std::move(best);
  }

  std::string row(const std::string& label, Span span, auto cell_of) const {
    std::string line = fit(label, kLabelWidth - 2, Align::right, style_.unicode) + "  ";
    for (std::size_t p = span.first; p < span.second; ++p) line += cell_of(positions_[p]);
    if (!style_.colour) line.erase(line.find_last_not_of(' ') + 1);
    return line;
  }

  // The margins match those of `cell`, so that labels are above their tokens.
  std::string plain_row(const std::string& label, Span span, std::string Position::*text) const {
    return row(label, span, [&](const Position& p) {
      if (style_.colour) return cat({" ", fit(p.*text, p.width, Align::left, style_.unicode), " "});
      return cat({fit(p.*text, p.width + 3, Align::left, style_.unicode), "  "});
    });
  }

  std::string cell(const Position& p, std::size_t row_index) const {
    const std::string token = fit(p.tokens[row_index], p.width, Align::left, style_.unicode);
    const double share = p.probabilities[row_index];
    if (style_.colour) return on_probability(" " + token + " ", share, style_, p.final[row_index]);
    return token + " " + fit(percent(share), 2, Align::right) + "  ";
  }

  Lines block(std::size_t begin, std::size_t end) const {
    const Span span{begin, end};
    Lines lines{faint(plain_row("at", span, &Position::number), style_),
                bold(plain_row("input", span, &Position::input), style_)};
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const std::int64_t number = numbers_[static_cast<std::size_t>(layers_[i])];
      lines.push_back(
          row(std::to_string(number), span, [&](const Position& p) { return cell(p, i); }));
    }
    if (!settled_.empty())
      lines.push_back(faint(plain_row("from", span, &Position::settles), style_));
    return lines;
  }

  const View& view_;
  const TerminalStyle& style_;
  Grid ids_, probabilities_, settled_;
  std::vector<std::int64_t> numbers_, layers_;
  std::vector<Position> positions_;
};

}  // namespace

/// Hook points at which the lens was applied, from pairs of variables `<prefix>top_id` and
/// `<prefix>top_probability` [layer, token, rank].
std::vector<LensPoint> lens_points(const Dataset& dataset) {
  constexpr std::string_view kSuffix = "top_id";
  std::vector<LensPoint> points;
  for (const auto& variable : dataset.variables()) {
    if (!variable.name.ends_with(kSuffix) || variable.is_text()) continue;
    const std::string prefix = variable.name.substr(0, variable.name.size() - kSuffix.size());
    const bool shaped = variable.dims.size() == 3 && variable.dims[1] == "token" &&
                        variable.dims[2] == "rank" && dataset.dim("rank") > 0 &&
                        variable.tensor.size(0) > 0;
    if (shaped && has(dataset, prefix + "top_probability", variable.dims))
      points.push_back({prefix, variable.dims[0]});
  }
  return points;
}

std::vector<std::int64_t> layer_numbers(const Dataset& dataset, const std::string& axis) {
  std::vector<std::int64_t> numbers;
  const bool known = has(dataset, axis, {axis}) && !dataset[axis].is_text();
  const Grid stored = known ? Grid(dataset[axis].tensor) : Grid();
  for (std::int64_t i = 0; i < dataset.dim(axis); ++i)
    numbers.push_back(known ? static_cast<std::int64_t>(stored(i)) : i);
  return numbers;
}

std::vector<std::int64_t> layers_to_draw(std::int64_t n) {
  constexpr std::int64_t kMost = 41;
  // Smallest step that leaves at most 41 layers, the last one included; the division rounds up.
  const std::int64_t step = (n - 1 + kMost - 2) / (kMost - 1);
  std::vector<std::int64_t> layers;
  for (std::int64_t layer = 0; layer < n - 1; layer += std::max<std::int64_t>(1, step))
    layers.push_back(layer);
  if (n > 0) layers.push_back(n - 1);
  return layers;
}

Lines lens_grid(const View& view, const LensPoint& point, const CaseRange& range) {
  return GridWriter(view, point, range).write();
}

}  // namespace lensbench::terminal
