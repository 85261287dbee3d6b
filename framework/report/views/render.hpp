#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <string>

#include "report/terminal/terminal.hpp"

namespace lensbench {

/// Function from a token id to its display text. The text is untrusted: its control characters
/// never reach the terminal.
using TokenText = std::function<std::string(std::int64_t id)>;

/// Draws a dataset as text. Logit lens, layer attribution, token analysis and comparison of models
/// have a picture of several variables; every other variable is drawn by its attribute `view`, or
/// by its dimensions where it is absent. The receipts follow. Every line is at most `columns` cells
/// wide and ends in a newline.
/// \param name  name under which the dataset was saved, used as heading
std::string render_dataset(const std::string& name, const Dataset& dataset,
                           const TokenText& token_text, const TerminalStyle& style);

/// Order of a dataset among those of one run by the kind of its first picture, smallest first:
/// maps, bars and curves, tokens, others.
int reading_order(const Dataset& dataset);

}  // namespace lensbench
