#include "report/summary/draw_archive.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <map>
#include <utility>

#include "archive/hdf5/case_selection.hpp"
#include "core/text/suggest.hpp"
#include "report/views/render.hpp"

namespace lensbench {
namespace {

/// Cases that are drawn where none are named.
constexpr std::size_t kMostShown = 3;

class Drawing {
 public:
  Drawing(const ArchiveReader& archive, const DrawRequest& request, const TerminalStyle& style)
      : archive_(archive), request_(request), style_(style), cases_(archive.cases()) {
    read_vocabulary();
    select_cases();
  }

  std::string text() const {
    std::map<std::pair<int, std::string>, std::string> parts;
    for (const std::string& name : names()) {
      const StoredDataset stored = archive_.stored(name);
      const Dataset dataset = read_selection(stored, {selected_, !request_.cases.empty()});
      parts[{reading_order(dataset), name}] = render_dataset(
          name, dataset, [this](std::int64_t id) { return token(id); }, style_);
    }
    std::string all;
    for (const auto& [order, part] : parts) all += part + "\n";
    return all + note();
  }

 private:
  std::vector<std::string> names() const {
    const auto known = archive_.names();
    if (request_.result.empty()) return known;
    if (std::find(known.begin(), known.end(), request_.result) == known.end())
      throw UsageError(archive_.path().string() + ": it does not have a result '" +
                       request_.result + "'" + suggest(request_.result, known));
    return {request_.result};
  }

  void select_cases() {
    std::vector<std::string> ids;
    for (const auto& one : cases_) ids.push_back(one.id);
    for (const auto& id : request_.cases) {
      const auto found = std::find(ids.begin(), ids.end(), id);
      if (found == ids.end())
        throw UsageError(archive_.path().string() + ": it does not have a case '" + id + "'" +
                         suggest(id, ids));
      selected_.push_back(found - ids.begin());
    }
    std::sort(selected_.begin(), selected_.end());
    if (!selected_.empty()) return;
    for (std::size_t i = 0; i < cases_.size(); ++i) {
      if (cases_[i].status != CaseStatus::complete) continue;
      ++complete_;
      if (selected_.size() < kMostShown) selected_.push_back(static_cast<std::int64_t>(i));
    }
  }

  void read_vocabulary() {
    const Dataset vocabulary = archive_.vocabulary();
    if (!vocabulary.contains("id") || !vocabulary.contains("text")) return;
    const at::Tensor ids = vocabulary["id"].tensor.to(at::kLong).contiguous();
    const auto& texts = vocabulary["text"].strings;
    for (std::int64_t i = 0; i < std::min(ids.numel(), std::ssize(texts)); ++i)
      texts_[ids.data_ptr<std::int64_t>()[i]] = texts[static_cast<std::size_t>(i)];
  }

  std::string token(std::int64_t id) const {
    const auto found = texts_.find(id);
    return found == texts_.end() ? "<" + std::to_string(id) + ">" : found->second;
  }

  std::string note() const {
    if (complete_ <= selected_.size()) return "";
    return "Shown: the first " + std::to_string(selected_.size()) + " of " +
           std::to_string(complete_) +
           " cases; the archive has all of them (lensbench show FILE --case ID).\n";
  }

  const ArchiveReader& archive_;
  const DrawRequest& request_;
  const TerminalStyle& style_;
  std::vector<CaseRecord> cases_;
  std::vector<std::int64_t> selected_;
  std::size_t complete_ = 0;  ///< number of complete cases, where none are named
  std::map<std::int64_t, std::string> texts_;
};

}  // namespace

std::string draw_results(const ArchiveReader& archive, const DrawRequest& request,
                         const TerminalStyle& style) {
  return Drawing(archive, request, style).text();
}

}  // namespace lensbench
