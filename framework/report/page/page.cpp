#include "report/page/page.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <utility>

#include "core/text/base64.hpp"
#include "core/text/markup.hpp"
#include "report/page/encode.hpp"
#include "report/page/escape.hpp"
#include "report/page/page_source.hpp"
#include "report/page/reading/kept_rows.hpp"
#include "report/page/static_part.hpp"
#include "report/page/static_pictures.hpp"

namespace lensbench::page {
namespace {

void add_data(std::string& page, const std::string& id, std::string_view data) {
  page += "<script type=\"text/plain\" id=\"" + id + "\">";
  page += data;
  page += "</script>\n";
}

/// The script as data: it is the largest part of a small page.
const std::string& packed_script() {
  static const std::string packed = base64(deflated(page_script()));
  return packed;
}

std::string document(const PageContent& content) {
  BlockList blocks;
  // Texts of an archive may have bytes that are not UTF-8; in JSON they become U+FFFD.
  const std::string index =
      page_index(content, blocks).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string page =
      "<!doctype html>\n<html lang=\"en\" data-page-format=\"1\">\n<head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '" +
      policy_hash(starting_script()) + "' '" + policy_hash(page_script()) +
      "'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      escape_markup(page_title(content)) + "</title>\n<style>";
  page += page_style();
  page += "</style></head>\n<body>\n<div id=\"static\">\n" + static_part(content) +
          "</div>\n<div id=\"app\"></div>\n";
  add_data(page, "index", base64(deflated(index)));
  for (std::size_t i = 0; i < blocks.data().size(); ++i)
    add_data(page, "block-" + std::to_string(i), blocks.data()[i]);
  add_data(page, "script", packed_script());
  page += "<script>";
  page += starting_script();
  return page + "</script>\n</body></html>\n";
}

/// Chooses the cases of each run. The second run of a comparison has those with the same ids.
void choose_cases(PageContent& content) {
  for (std::size_t i = 0; i < content.runs.size(); ++i) {
    PageRun& run = content.runs[i];
    if (i == 0) {
      run.chosen = content.request.cases.empty() ? default_cases(*run.source, content.columns[i])
                                                 : named_cases(*run.source, content.request.cases);
      continue;
    }
    const PageRun& first = content.runs.front();
    for (std::size_t number = 0; number < run.source->cases.size(); ++number) {
      const std::string& id = run.source->cases[number].id;
      if (std::any_of(first.chosen.begin(), first.chosen.end(), [&](std::int64_t chosen) {
            return first.source->cases[static_cast<std::size_t>(chosen)].id == id;
          }))
        run.chosen.push_back(static_cast<std::int64_t>(number));
    }
  }
}

/// The page with pictures that need at most a quarter of it, and without values of results. Data
/// are worth more: where the facts do not leave room for pictures, they are only named, or left
/// out.
std::string facts_and_pictures(PageContent& content) {
  constexpr std::size_t kMost = std::size_t{256} << 10;
  const std::size_t room = std::min(kMost, content.request.max_bytes / 4) / content.runs.size();
  std::vector<std::vector<StaticPicture>> drawn;
  for (const PageRun& run : content.runs) drawn.push_back(static_pictures(run, room));
  std::string page;
  for (const bool shown : {true, false}) {
    content.pictures.clear();
    for (const auto& pictures : drawn) content.pictures.push_back(elements_of(pictures, shown));
    page = document(content);
    if (page.size() <= content.request.max_bytes) return page;
  }
  content.pictures.clear();
  return document(content);
}

std::size_t number_of_parts(const PageContent& content) {
  std::size_t parts = 0;
  for (const PageRun& run : content.runs)
    for (const auto& result : run.results)
      for (const PageVariable& variable : result->variables) parts += variable.parts.size();
  return parts;
}

}  // namespace

bool has_page() {
  return !page_script().empty();
}

std::string make_page(const std::vector<RunSource>& runs, const PageRequest& request,
                      std::optional<ArchiveDifference> difference) {
  PageContent content{request, {}, {}, std::move(difference), {}, {}};
  for (const RunSource& source : runs) {
    PageRun run{&source, {}, {}};
    if (source.sealed) run.results = open_results(source, {});
    content.columns.push_back(case_columns(source, run.results));
    content.runs.push_back(std::move(run));
  }
  choose_cases(content);
  // Memory for one variable of ten ranks of one case with 101 layers x 4,000 tokens, and for its
  // variables without ranks.
  constexpr std::size_t kKeptBytes = std::size_t{40} << 20;
  for (PageRun& run : content.runs) {
    if (!run.source->sealed) run.results = open_results(*run.source, run.chosen);
    cut_results(run.results, run.chosen);
    keep_rows(run.results, kKeptBytes / runs.size());
    content.of_cases.push_back(case_pictures(run, request.max_bytes / 3 / runs.size()));
  }
  content.filled.ids.resize(runs.size());
  // The page without values of results gives the room for them. Each part needs a few bytes more
  // in the index.
  constexpr std::size_t kOfPart = 48;
  std::string page = facts_and_pictures(content);
  const std::size_t facts = page.size() + kOfPart * number_of_parts(content);
  std::size_t room = request.max_bytes > facts ? request.max_bytes - facts : 0;
  EncodedParts encoded(request.top_k);
  for (int attempt = 0; attempt < 6; ++attempt) {
    content.filled = fill(content.runs, request.top_k, room, encoded);
    page = document(content);
    if (page.size() <= request.max_bytes) return page;
    // The room was estimated before the index was compressed: the excess is taken from it.
    const std::size_t excess = page.size() - request.max_bytes;
    if (room == 0) break;
    room = room > excess + excess / 8 ? room - excess - excess / 8 : 0;
  }
  throw UsageError("report: a page of " + runs.front().file + " with the facts alone has " +
                   std::to_string(page.size()) + " bytes, more than --max-bytes " +
                   std::to_string(request.max_bytes) + "; give a larger number");
}

}  // namespace lensbench::page
