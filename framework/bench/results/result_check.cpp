#include "bench/results/result_check.hpp"

#include <ATen/ops/isinf.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/nonzero.h>

#include <map>
#include <vector>

namespace lensbench {
namespace {

// Coordinates that shared axes must have, since readers and `join_cases` rely on them.
const std::map<std::string, std::vector<std::string>>& required_coordinates() {
  static const std::map<std::string, std::vector<std::string>> table = {
      {"token", {"token", "case", "position", "input_id", "input_token"}},
      {"image_token", {"image_token", "case", "position", "image", "row", "column"}},
      {"layer", {"layer"}},
      {"block", {"block"}},
      {"component", {"component"}},
      {"head", {"head"}},
      {"kv_head", {"kv_head"}},
      {"rank", {"rank"}}};
  return table;
}

/// Rules for results that the types cannot express. A broken rule is an error of the plug-in and
/// names the variable.
class ResultCheck {
 public:
  ResultCheck(const Dataset& dataset, const std::string& subject)
      : dataset_(dataset), subject_(subject) {}

  void run() const {
    for (const auto& variable : dataset_.variables()) {
      check_lengths(variable);
      check_units(variable);
      check_nan(variable);
      check_infinity(variable);
    }
    for (const auto& [dim, length] : dataset_.dims()) check_coordinates(dim);
    for (const auto& receipt : dataset_.receipts)
      if (receipt.name.empty())
        throw ResultError(subject_ + ": a receipt lacks its name; name what was checked");
  }

 private:
  [[noreturn]] void broken(const Variable& variable, const std::string& rule) const {
    throw ResultError(subject_ + ": variable '" + variable.name + "': " + rule);
  }

  // The plug-in shares the tensor and may have resized it after `Dataset::add` checked it.
  void check_lengths(const Variable& variable) const {
    const auto lengths = variable.shape();
    if (lengths.size() != variable.dims.size())
      broken(variable, "has " + std::to_string(lengths.size()) + " axes, but " +
                           std::to_string(variable.dims.size()) + " dimension names");
    for (std::size_t i = 0; i < lengths.size(); ++i)
      if (lengths[i] != dataset_.dim(variable.dims[i]))
        broken(variable, "dimension '" + variable.dims[i] + "' has length " +
                             std::to_string(lengths[i]) + ", but " +
                             std::to_string(dataset_.dim(variable.dims[i])) +
                             " elsewhere in this dataset; each dimension must have one length");
  }

  // A number without a unit cannot be interpreted later.
  void check_units(const Variable& variable) const {
    if (variable.units.empty())
      broken(variable, "lacks units; give 'nats', 's', 'bytes', ..., or '1' for a plain number");
  }

  // NaN must be explained, since it would otherwise hide a fault.
  void check_nan(const Variable& variable) const {
    if (variable.is_text() || !variable.tensor.is_floating_point()) return;
    const bool announced = variable.long_name.find("NaN") != std::string::npos;
    if (announced && !variable.coordinate) return;
    const at::Tensor where = at::isnan(variable.tensor).flatten().nonzero();
    if (where.numel() == 0) return;
    const std::string found =
        std::to_string(where.size(0)) + " of " + std::to_string(variable.tensor.numel()) +
        " values are NaN, the first at " + index_text(variable, where[0][0].item<std::int64_t>());
    if (variable.coordinate) broken(variable, found + "; a coordinate needs a value everywhere");
    broken(variable,
           found +
               "; if they are intended, explain NaN in long_name, as in 'surprisal (NaN: first "
               "token)'");
  }

  // Infinity must be explained like NaN.
  void check_infinity(const Variable& variable) const {
    if (variable.is_text() || !variable.tensor.is_floating_point()) return;
    if (variable.long_name.find("infinity") != std::string::npos) return;
    const at::Tensor where = at::isinf(variable.tensor).flatten().nonzero();
    if (where.numel() == 0) return;
    broken(variable, std::to_string(where.size(0)) + " of " +
                         std::to_string(variable.tensor.numel()) +
                         " values are infinite, the first at " +
                         index_text(variable, where[0][0].item<std::int64_t>()) +
                         "; if they are intended, explain infinity in long_name");
  }

  // Index of a flat element by axis, for the message.
  static std::string index_text(const Variable& variable, std::int64_t flat) {
    std::string text;
    for (auto axis = static_cast<std::int64_t>(variable.dims.size()) - 1; axis >= 0; --axis) {
      const std::int64_t length = variable.tensor.size(axis);
      text = variable.dims[static_cast<std::size_t>(axis)] + " " + std::to_string(flat % length) +
             (text.empty() ? "" : ", ") + text;
      flat /= length;
    }
    return text.empty() ? "its only element" : text;
  }

  // Axes with shared names must mean the same in all results.
  void check_coordinates(const std::string& dim) const {
    const auto required = required_coordinates().find(dim);
    if (required == required_coordinates().end()) return;
    for (const auto& name : required->second) {
      const bool there =
          dataset_.contains(name) && dataset_[name].dims == std::vector<std::string>{dim};
      if (there) continue;
      throw ResultError(subject_ + ": axis '" + dim + "' lacks its coordinate '" + name + "'; " +
                        (dim == "token"   ? "add_token_axis adds them all"
                         : dim == "layer" ? "add_layer_axis adds it"
                                          : "add it with add_coordinate"));
    }
  }

  const Dataset& dataset_;
  const std::string& subject_;
};

}  // namespace

void check_result(const Dataset& dataset, const std::string& subject) {
  ResultCheck(dataset, subject).run();
}

}  // namespace lensbench
