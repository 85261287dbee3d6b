#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/text/utf8.hpp"
#include "fuzz/strict_html.hpp"
#include "report/page/escape.hpp"
#include "report/page/markup.hpp"

namespace lensbench::fuzz {

/// A part of a page with one text as title, id, token, error and class.
inline std::string part_with(std::string_view text) {
  const std::string owned(text);
  return page::element("h1", text) + page::paragraph(text, text) +
         page::table(text, {owned, "value"}, {{owned, owned}, {owned, "1"}}, "tokens");
}

/// The text as a browser shows it: characters that HTML does not allow are replaced.
inline std::string shown(std::string_view text) {
  std::string out;
  for (const char c : page::valid_text(text)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool allowed = (byte >= 0x20 && byte != 0x7F) || c == '\t' || c == '\n' || c == '\r';
    out += allowed ? std::string(1, c) : "\xEF\xBF\xBD";
  }
  // U+FFFE and U+FFFF, which XML does not allow, and so the pictures of a page.
  for (std::size_t i = 2; i < out.size(); ++i)
    if (out[i - 2] == '\xEF' && out[i - 1] == '\xBF' && (out[i] == '\xBE' || out[i] == '\xBF'))
      out[i] = '\xBD';
  return out;
}

/// Any bytes as a text of a page: the page parses, is valid UTF-8, has the elements and attributes
/// that it has with a harmless text, and shows the text.
inline void write_page_text(std::string_view bytes) {
  const std::string html = part_with(bytes);
  if (!is_valid_utf8(html) || html.find('\0') != std::string::npos) std::abort();
  try {
    const StrictHtml found(html), plain(part_with("x"));
    if (found.tags.size() != plain.tags.size()) std::abort();
    for (std::size_t i = 0; i < found.tags.size(); ++i)
      if (plain.tags[i] == "p class=x"
              ? found.tags[i] != "p class=" + shown(bytes) && !bytes.empty()
              : found.tags[i] != plain.tags[i])
        std::abort();
    if (!bytes.empty() && found.texts.front() != shown(bytes)) std::abort();
  } catch (const std::runtime_error&) {
    std::abort();
  }
}

}  // namespace lensbench::fuzz
