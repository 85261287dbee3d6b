#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/views/render.hpp"

/// Figures of one variable as SVG text. Plain functions of values: equal arguments give equal
/// bytes, and nothing is read from files, the locale or the clock.
namespace lensbench::figure {

/// Kinds of pictures.
enum class Kind {
  heatmap,    ///< two dimensions as colours; a panel for each index of a short third one
  line,       ///< one value over layers, blocks, steps or tokens
  lines,      ///< several of them, at most eight
  bars,       ///< a signed value for each component, case or tool
  tokens,     ///< the running text, each token on the colour of its value
  attention,  ///< query position down, key position across; a panel for each head
  points,     ///< estimates with whiskers to the ends of their intervals
  patches,    ///< a value for each rectangle of a picture
};

/// Name of a kind in options and messages: `heatmap`.
const char* to_string(Kind kind);
/// Names of all kinds, in the order of `Kind`.
const std::vector<std::string>& kind_names();
/// Kind of a name; empty if the name is unknown.
std::optional<Kind> kind_of(std::string_view name);
/// Names of the palettes: `viridis`, `cividis`, `purple-orange`, and each `-reversed`.
std::vector<std::string> palette_names();

/// What the cells of a heat map contain.
enum class CellContent {
  automatic,  ///< texts of a lens with at most 30 tokens where they fit, else nothing
  text,       ///< the most probable token of the cell
  number,     ///< the value
  none,
};

/// The end of a span that names only its beginning.
constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max();

/// Indices from `first` to `last`, both included, by the labels of their coordinate.
struct Span {
  std::int64_t first = 0, last = 0;
  bool operator==(const Span&) const = default;
};

/// A picture of the case, upright.
struct CasePhoto {
  std::string jpeg;                    ///< perhaps with fewer pixels
  std::int64_t width = 0, height = 0;  ///< as the rectangles of its tokens count pixels
};

/// What to draw, and how. Every field has a default except the name of the variable.
struct Request {
  std::string variable;           ///< name of a variable of numbers in the dataset
  std::string dataset = {};       ///< name of the dataset, for title and description
  std::optional<Kind> kind = {};  ///< empty: by the attribute `view`, else by the dimensions
  /// Number of the case to draw. Empty: the first one of the dataset, or all cases for a variable
  /// that has one value per case.
  std::optional<std::int64_t> case_number = {};
  std::string case_id = {};         ///< id of that case, for the title
  std::optional<Span> layers = {};  ///< numbers of layers or blocks; empty: all
  std::vector<Span> tokens = {};    ///< positions of tokens in the case, in order; empty: all
  /// Labels at which dimensions are fixed, by the name of the dimension.
  std::map<std::string, std::string> at = {};
  /// Dataset whose variable of the same name is subtracted; its axes must have equal labels.
  const Dataset* against = nullptr;
  std::string against_name = {};  ///< name of that dataset's file, for the title
  double width_mm = 85;
  std::optional<double> height_mm = {};  ///< empty: chosen by the content
  std::string palette = {};              ///< empty: viridis, or purple-orange for signed values
  /// Ends of the scale of the values; empty: the smallest and the largest value that is drawn.
  std::optional<std::pair<double, double>> range = {};
  bool log = false;       ///< logarithmic scale of the values
  std::string font = {};  ///< family of the texts; empty: a list of common sans-serif families
  bool title = true;
  CellContent cells = CellContent::automatic;
  /// A map of more cells is an image, whatever this number for more than 20,000.
  std::size_t most_rects = 20000;
  /// Pictures of the case in order: a map over rectangles shows each of them alone and below the
  /// values; empty: only the values.
  std::vector<CasePhoto> photos = {};
  /// Most pixels along a side of a map that is an image; cells share them where there are more.
  std::size_t most_pixels = 4096;
  /// Facts for the description in the file, such as digest and command, in this order.
  std::vector<std::pair<std::string, std::string>> facts = {};
};

/// A finished figure.
struct Figure {
  std::string svg;         ///< one `<svg>` element without an XML declaration, without ids
  std::string title = {};  ///< text that is safe to show
  double width_mm = 0, height_mm = 0;
  /// Sentences for the user about what was left out or pooled; also in the `<desc>` of the SVG.
  std::vector<std::string> notes = {};
  /// Facts about the figure: what it shows, and those of the request.
  std::vector<std::pair<std::string, std::string>> facts = {};
};

/// Kind that is drawn for a variable where the request names none.
/// \param at  dimensions that are fixed, which a kind does not draw
/// \throws UsageError with the reason if no kind can draw the variable
Kind default_kind(const Dataset& dataset, const Variable& variable,
                  const std::map<std::string, std::string>& at = {});

/// Checks the options of a request that do not depend on the data: size, palette and font. `draw`
/// checks them as well.
/// \throws UsageError with the option
void check_request(const Request& request);

/// Draws a variable.
/// \param dataset     the variable with the coordinates of its dimensions; for texts in cells also
///                    `top_id`, for whiskers also the variable `*_interval`
/// \param request     what to draw
/// \param token_text  texts of token ids
/// \throws UsageError for an unknown variable, with the nearest names, and for a variable or
///   option that cannot be drawn, with the reason
Figure draw(const Dataset& dataset, const Request& request, const TokenText& token_text);

/// Names of the variables that a figure of `variable` may use, out of the names of all variables
/// and their dimensions, so that a caller reads no others.
std::vector<std::string> variables_to_read(const std::vector<Variable>& facts,
                                           const std::string& variable);

}  // namespace lensbench::figure
