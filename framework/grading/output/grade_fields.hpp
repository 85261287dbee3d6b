#pragma once

#include <functional>
#include <string>
#include <vector>

#include "grading/scores/entry.hpp"

/// What the tables of a grading show of each entry.
namespace lensbench::grading {

/// A column: its header, and its text for an entry.
struct Field {
  std::string header;
  std::function<std::string(const Entry&)> text;
};

/// Columns of the table of a kind of items, but for the name; the headline first.
std::vector<Field> fields_of(TableKind kind);
/// Title of the table.
const char* title_of(TableKind kind);

/// A number with two digits after the point; empty for NaN.
std::string two_digits(double value);
/// `[0.95, 1.00]`; empty without a lower end.
std::string interval_text(double low, double high);

}  // namespace lensbench::grading
