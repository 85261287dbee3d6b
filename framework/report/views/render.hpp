#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <string>

#include "report/terminal/terminal.hpp"

namespace lensbench {

/// Function from a token id to its display text. The text is untrusted: its control characters
/// never reach the terminal.
using TokenText = std::function<std::string(std::int64_t id)>;

/// Draws a dataset as text. The variables of the dataset determine the view: logit lens, layer
/// attribution, token analysis, comparison of models, or else tables. The receipts follow. Every
/// line is at most `columns` cells wide and ends in a newline.
/// \param name  name under which the dataset was saved, used as heading
LENSBENCH_API std::string render_dataset(const std::string& name, const Dataset& dataset,
                                         const TokenText& token_text, const TerminalStyle& style);

/// Order of a dataset among those of one run, smallest first: predictions by layer, contributions,
/// choices, others.
LENSBENCH_API int reading_order(const Dataset& dataset);

}  // namespace lensbench
