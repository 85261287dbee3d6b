#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// View that suits a variable, stored as attribute `view` in archives. Terminal, pages and figures
/// choose by it.
enum class View : std::uint32_t {
  general,     ///< a table of all values
  heatmap,     ///< layer x token, or another pair of axes, as colours
  trajectory,  ///< a value over layers or steps, as lines
  bars,        ///< a value for each component, head or neuron
  tokens,      ///< a value for each token, as coloured text
  generation,  ///< how generated tokens were chosen
  attention,   ///< query position x key position
  patching,    ///< effect of changed activations over layer and token
  image,       ///< a value for each rectangle of a picture
  graph,       ///< nodes and edges
  statistics,  ///< estimates with intervals, tests
  table,       ///< columns over one axis
};

/// Name of a view in archives: `heatmap`.
LENSBENCH_API const char* to_string(View view);
/// View of a name; empty if the name is unknown.
LENSBENCH_API std::optional<View> view_of(std::string_view name);

/// One variable (or a family of variables) of a tool's result. Constant data, so that the
/// descriptor of a plug-in can contain it.
struct ResultSpec {
  const char* name;     ///< name of the variable, or a glob for a family of them: `*_entropy`
  const char* dims;     ///< names of the dimensions, separated by blanks; `*`: any, "": a scalar
  const char* units;    ///< `nats`, `1`, `bytes`, `s`; `nats or 1` where parameters decide
  const char* meaning;  ///< one line for people
  View view = View::general;  ///< view that suits it
  bool always = true;         ///< in every result; false: depends on parameters or the model
};

/// A `ResultSpec` with its own texts.
struct LENSBENCH_API ResultInfo {
  std::string name;                                    ///< see `ResultSpec::name`
  std::string dims;                                    ///< see `ResultSpec::dims`
  std::string units;                                   ///< see `ResultSpec::units`
  std::string meaning;                                 ///< see `ResultSpec::meaning`
  View view = View::general;                           ///< see `ResultSpec::view`
  bool always = true;                                  ///< see `ResultSpec::always`
  bool operator==(const ResultInfo&) const = default;  ///< compares all fields

  ResultInfo() = default;
  /// Copies the texts of a spec.
  explicit ResultInfo(const ResultSpec& spec);
  /// Whether a variable has the name and the dimensions that this describes.
  bool describes(const Variable& variable) const;
};

/// Difference between a dataset and the schema of the tool that made it: a variable that the
/// schema does not have, other dimensions or units, or a variable that is always there but is
/// missing. Coordinates are not part of a schema. \return the problem, empty if there is none
LENSBENCH_API std::string schema_problem(const std::vector<ResultInfo>& schema,
                                         const Dataset& dataset);

}  // namespace lensbench
