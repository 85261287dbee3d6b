#include "report/page/markup.hpp"

#include "core/text/markup.hpp"
#include "report/page/escape.hpp"

namespace lensbench::page {
namespace {

std::string start_of(std::string_view name, std::string_view of_class) {
  std::string start = "<";
  start += name;
  if (!of_class.empty()) start += " class=\"" + escape_markup(of_class) + "\"";
  return start + ">";
}

}  // namespace

std::string element(const char* name, std::string_view text) {
  return start_of(name, "") + escape_markup(text) + "</" + name + ">\n";
}

std::string paragraph(std::string_view text, std::string_view of_class) {
  return start_of("p", of_class) + escape_markup(text) + "</p>\n";
}

std::string table(std::string_view caption, const std::vector<std::string>& heads,
                  const std::vector<Row>& rows, std::string_view of_class) {
  if (rows.empty()) return "";
  std::string out = start_of("table", of_class);
  out += "<caption>" + escape_markup(caption) + "</caption>\n<thead><tr>";
  for (const std::string& head : heads) out += "<th scope=\"col\">" + escape_markup(head) + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (const Row& row : rows) {
    out += "<tr>";
    for (const std::string& cell : row) out += "<td>" + escape_markup(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table>\n";
}

}  // namespace lensbench::page
