#pragma once

#include <cmath>
#include <cstdint>
#include <fstream>
#include <lensbench/error.hpp>
#include <sstream>
#include <string>
#include <vector>

/// Fields of a CSV line without quotes; its end may be CR LF.
inline std::vector<std::string> fields_of(std::string line) {
  if (line.ends_with('\r')) line.pop_back();
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
  return fields;
}

/// Reads the thresholds of layers 0 to `n_layers` - 1 from the columns `layer` and `threshold` of a
/// CSV file of `lensbench export`. \throws lensbench::InputError for a file that cannot be read,
/// lacks a column or a layer, or has
///   layers that the model lacks
inline std::vector<double> read_thresholds(const std::string& file, std::int64_t n_layers) {
  std::ifstream stream(file);
  std::string line;
  if (!std::getline(stream, line))
    throw lensbench::InputError(file + ": cannot be read, or is empty");
  std::size_t layer_column = std::string::npos, threshold_column = std::string::npos;
  const auto heading = fields_of(line);
  for (std::size_t i = 0; i < heading.size(); ++i) {
    if (heading[i] == "layer") layer_column = i;
    if (heading[i] == "threshold") threshold_column = i;
  }
  if (layer_column == std::string::npos || threshold_column == std::string::npos)
    throw lensbench::InputError(file + ": lacks the columns 'layer' and 'threshold'");

  std::vector<double> thresholds(static_cast<std::size_t>(n_layers), std::nan(""));
  for (std::int64_t number = 2; std::getline(stream, line); ++number) {
    const auto fields = fields_of(line);
    const auto bad = [&](const std::string& why) {
      return lensbench::InputError(file + ": line " + std::to_string(number) + " " + why);
    };
    try {
      const auto layer = std::stoll(fields.at(layer_column));
      if (layer < 0 || layer >= n_layers)
        throw bad("has layer " + std::to_string(layer) + ", but the model has layers 0 to " +
                  std::to_string(n_layers - 1));
      thresholds[static_cast<std::size_t>(layer)] = std::stod(fields.at(threshold_column));
    } catch (const std::logic_error&) {
      throw bad("lacks numbers under 'layer' and 'threshold'");
    }
  }
  for (std::size_t layer = 0; layer < thresholds.size(); ++layer)
    if (!std::isfinite(thresholds[layer]))
      throw lensbench::InputError(file + ": lacks a threshold for layer " + std::to_string(layer));
  return thresholds;
}
