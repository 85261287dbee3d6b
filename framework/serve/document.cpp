#include "serve/document.hpp"

#include "core/text/base64.hpp"
#include "core/text/markup.hpp"
#include "report/page/encode.hpp"
#include "report/page/page_source.hpp"

namespace lensbench::serve {

Document document(const nlohmann::json& description) {
  const std::string facts =
      description.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  Document made;
  made.policy = "default-src 'none'; script-src '" + page::policy_hash(page::live_script()) +
                "'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri "
                "'none'; form-action 'none'; frame-ancestors 'none'";
  made.html =
      "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>lensbench: " +
      escape_markup(description.value("model", "")) + "</title>\n<style>";
  made.html += page::page_style();
  made.html += page::live_style();
  made.html +=
      "</style></head>\n<body>\n<noscript><p>This page needs JavaScript. <code>lensbench "
      "report</code> writes pages that can be read without.</p></noscript>\n"
      "<div id=\"app\"></div>\n<script type=\"text/plain\" id=\"live\">" +
      base64(facts) + "</script>\n<script>";
  made.html += page::live_script();
  made.html += "</script>\n</body></html>\n";
  return made;
}

}  // namespace lensbench::serve
