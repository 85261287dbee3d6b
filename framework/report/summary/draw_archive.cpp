#include "report/summary/draw_archive.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <map>
#include <utility>

#include "archive/hdf5/case_selection.hpp"
#include "core/text/suggest.hpp"
#include "report/summary/archive_tokens.hpp"
#include "report/views/render.hpp"

namespace lensbench {
namespace {

/// Cases that are drawn where none are named.
constexpr std::size_t kMostShown = 3;

/// Results from an archive, or from a run that is not sealed.
struct Source {
  std::string path;
  std::vector<CaseRecord> cases;
  std::vector<std::string> names;
  /// Reads the part of a dataset that belongs to some cases.
  std::function<Dataset(const std::string& name, const std::vector<std::int64_t>& cases)> read;
  TokenText token;
};

/// Selects cases and results and joins the drawings in reading order.
class Drawing {
 public:
  Drawing(const Source& source, const DrawRequest& request, const TerminalStyle& style)
      : source_(source), request_(request), style_(style) {
    select_cases();
  }

  std::string text() const {
    // The map sorts by the kind of picture, then by name. Each dataset is read, drawn and released
    // before the next one, so that memory holds only one.
    std::map<std::pair<int, std::string>, std::string> parts;
    for (const std::string& name : names()) {
      const Dataset dataset = source_.read(name, selected_);
      parts[{reading_order(dataset), name}] = render_dataset(name, dataset, source_.token, style_);
    }
    std::string all;
    for (const auto& [order, part] : parts) all += part + "\n";
    return all + note();
  }

 private:
  // Names of the datasets to draw. \throws UsageError with a suggestion for an unknown one
  std::vector<std::string> names() const {
    std::vector<std::string> known = source_.names;
    std::erase(known, kPictureFiles);
    if (request_.result.empty()) return known;
    if (std::find(known.begin(), known.end(), request_.result) == known.end())
      throw UsageError(source_.path + ": it does not have a result '" + request_.result + "'" +
                       suggest(request_.result, known));
    return {request_.result};
  }

  // Numbers of the cases to draw: the named ones, or the first complete ones.
  void select_cases() {
    std::vector<std::string> ids;
    for (const auto& one : source_.cases) ids.push_back(one.id);
    for (const auto& id : request_.cases) {
      const auto found = std::find(ids.begin(), ids.end(), id);
      if (found == ids.end())
        throw UsageError(source_.path + ": it does not have a case '" + id + "'" +
                         suggest(id, ids));
      selected_.push_back(found - ids.begin());
    }
    // The order of the archive, whatever the order in which the cases were named.
    std::sort(selected_.begin(), selected_.end());
    if (!selected_.empty()) return;
    for (std::size_t i = 0; i < source_.cases.size(); ++i) {
      // A failed case has no values to draw.
      if (source_.cases[i].status != CaseStatus::complete) continue;
      ++complete_;
      if (selected_.size() < kMostShown) selected_.push_back(static_cast<std::int64_t>(i));
    }
  }

  std::string note() const {
    if (complete_ <= selected_.size()) return "";
    return "Shown: the first " + std::to_string(selected_.size()) + " of " +
           std::to_string(complete_) +
           " cases; the archive has all of them (lensbench show FILE --case ID).\n";
  }

  const Source& source_;
  const DrawRequest& request_;
  const TerminalStyle& style_;
  std::vector<std::int64_t> selected_;
  std::size_t complete_ = 0;  ///< number of complete cases, where none are named
};

}  // namespace

std::string draw_results(const ArchiveReader& archive, const DrawRequest& request,
                         const TerminalStyle& style) {
  // Tables with one row per case are read completely, unless cases were named: then they have only
  // the rows of these cases.
  const bool also_tables = !request.cases.empty();
  const Source source{archive.path().string(), archive.cases(), archive.names(),
                      [&](const std::string& name, const std::vector<std::int64_t>& cases) {
                        return read_selection(archive.stored(name), {cases, also_tables});
                      },
                      token_texts_of(archive)};
  return Drawing(source, request, style).text();
}

std::string draw_results(const CommittedResults& run, const TokenText& token,
                         const DrawRequest& request, const TerminalStyle& style) {
  const auto& cases = run.cases();
  // A run that was interrupted or still goes on: its committed cases are readable, the summaries
  // over all cases are not computed yet.
  const auto complete = std::count_if(cases.begin(), cases.end(), [](const CaseRecord& one) {
    return one.status == CaseStatus::complete;
  });
  const Source source{run.folder().string(), cases, run.names(),
                      [&](const std::string& name, const std::vector<std::int64_t>& selected) {
                        return run.read(name, selected);
                      },
                      token};
  return Drawing(source, request, style).text() + "Not sealed yet: " + std::to_string(complete) +
         " of " + std::to_string(cases.size()) +
         " cases are complete; summaries follow after the last one.\n";
}

}  // namespace lensbench
