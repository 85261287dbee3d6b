#pragma once

#include <lensbench/result_spec.hpp>
#include <string>
#include <utility>
#include <vector>

#include "report/views/view.hpp"

namespace lensbench::terminal {

// Views of one variable of numbers, or of several variables that share a table, which may have
// texts. They need nothing but the dimensions, so that they draw the results of any tool.

/// Colours of a heat map.
enum class Palette { by_size, around_zero };

/// Rows and columns of a heat map: the first dimension, and `token` or the second one; empty if
/// the variable has fewer than two dimensions.
std::pair<std::string, std::string> map_axes(const Variable& variable);
/// Rows and columns of an attention pattern: the last two dimensions.
std::pair<std::string, std::string> attention_axes(const Variable& variable);
/// Heat map with a number in each cell, in blocks of columns.
Lines heatmap_view(const View& view, const Variable& variable,
                   const std::pair<std::string, std::string>& axes, Palette palette);

/// Whether a variable has values over tokens of pictures whose rows and columns are known.
bool is_map_of_patches(const Dataset& dataset, const Variable& variable);
/// Maps over the tokens of pictures: of the first layer, the one with the largest value, the last.
Lines patches_view(const View& view, const Variable& variable);

/// Value over layers or steps at the last token of each case.
Lines trajectory_view(const View& view, const Variable& variable);

/// Signed bars at the last token of each case, the largest first.
Lines bars_view(const View& view, const Variable& variable);

/// One line per token with the values of all `variables`, which have the dimension `token`.
Lines token_values_view(const View& view, const std::vector<const Variable*>& variables);

/// Table of `variables` over one dimension that all of them have.
Lines columns_view(const View& view, const std::string& dim,
                   const std::vector<const Variable*>& variables);

/// List of the edges of a graph with their names, the largest value of the first variable first.
Lines graph_view(const View& view, const std::string& dim,
                 const std::vector<const Variable*>& variables);

/// View of a variable: its attribute `view`, else a view that suits its dimensions; `general` for
/// variables that no other view can draw.
lensbench::View view_of_variable(const Variable& variable);

/// Whether the attribute `view` of a variable is missing, `general`, or `view`.
bool allows(const Dataset& dataset, const std::string& name, lensbench::View view);

/// Draws each variable by its view, and lists those without one.
Lines views_of_variables(const View& view);

/// Order of the kinds of pictures in a report: maps, curves and bars, tokens, others.
int order_of(lensbench::View view);
/// Order of a dataset that `views_of_variables` draws: that of its first picture.
int order_of_variables(const Dataset& dataset);

}  // namespace lensbench::terminal
