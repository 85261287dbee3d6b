#include "report/page/live/live_data.hpp"

#include <limits>
#include <utility>

#include "report/page/fill.hpp"
#include "report/page/index.hpp"

namespace lensbench::page {

LiveData live_data(const RunSource& run, std::size_t max_bytes) {
  PageContent content{{}, {}, {}, {}, {}, {}};
  content.request.max_bytes = max_bytes;
  content.request.top_k = std::numeric_limits<std::int64_t>::max();
  PageRun page{&run, complete_cases(run), {}};
  page.results = open_results(run, page.chosen);
  content.columns.push_back(case_columns(run, page.results));
  cut_results(page.results, page.chosen);
  content.runs.push_back(std::move(page));
  EncodedParts encoded(content.request.top_k, Form::plain);
  content.filled = fill_exact(content.runs, content.request.top_k, max_bytes, encoded);
  BlockList blocks(Form::plain);
  LiveData data{page_index(content, blocks), blocks.take()};
  nlohmann::json& archive = data.index["archives"][0];
  // There are no digests before the archive is written.
  archive["verified"] = false;
  archive["saved"] = false;
  return data;
}

}  // namespace lensbench::page
