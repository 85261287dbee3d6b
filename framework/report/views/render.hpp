#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <string>

#include "report/terminal/terminal.hpp"

namespace lensbench {

/// Display text of a token id. Not trusted: control characters in it never reach the terminal.
using TokenText = std::function<std::string(std::int64_t id)>;

/// A dataset as text for a reader. The view follows from the variables it has: a logit lens, a
/// layer attribution, a token analysis, or else tables of everything that fits one. Ends with its
/// receipts. Every line is at most `columns` cells wide and ends in a newline.
/// \param name  under which it was saved; the heading
LENSBENCH_API std::string render_dataset(const std::string& name, const Dataset& dataset,
                                         const TokenText& token_text, const TerminalStyle& style);

/// Rank of a dataset among those of one run, smallest first: predictions by layer, then
/// contributions, then choices, then all else.
LENSBENCH_API int reading_order(const Dataset& dataset);

}  // namespace lensbench
