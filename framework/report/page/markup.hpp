#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lensbench::page {

// Elements of the static part. Every text is escaped here; names of elements and classes are those
// of this program.

using Row = std::vector<std::string>;

std::string element(const char* name, std::string_view text);
/// \param of_class  class of the paragraph; empty: none
std::string paragraph(std::string_view text, std::string_view of_class = "");
/// A table with its caption; empty for a table without rows.
std::string table(std::string_view caption, const std::vector<std::string>& heads,
                  const std::vector<Row>& rows, std::string_view of_class = "");

}  // namespace lensbench::page
