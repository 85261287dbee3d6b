#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/parse/options.hpp"
#include "report/figure/figure.hpp"
#include "report/figure/scene/render.hpp"

namespace lensbench::cli {

/// Format that the end of a name says. \throws UsageError for another end than .svg, .png or .pdf
figure::Format format_of(const std::string& file);
/// Pixels per inch. \throws UsageError if they were given for another format than PNG, and for a
/// number outside of 10 to 2400
double dpi_of(const Options& options, figure::Format format);

/// Length in millimetres of a text such as `85mm`, `3.5in`, `20cm`, `240pt`; millimetres without a
/// unit. \throws UsageError naming the option
double length_in_mm(const std::string& option, const std::string& text);
/// Span of a text such as `2:5`, `2:`, `:5` or `2`. \throws UsageError naming the option
figure::Span span_of(const std::string& option, const std::string& text);
/// Spans of a list such as `2,5:7`, in increasing order. \throws UsageError naming the option
std::vector<figure::Span> spans_of(const std::string& option, const std::string& text);
/// Range of a text such as `-1:1`. \throws UsageError naming the option
std::pair<double, double> range_of(const std::string& option, const std::string& text);

/// Request of the command line without dataset, case and facts.
/// \throws UsageError for values that are wrong whatever the archive contains
figure::Request figure_request(const Options& options);

}  // namespace lensbench::cli
