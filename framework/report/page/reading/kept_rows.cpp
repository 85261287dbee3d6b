#include "report/page/reading/kept_rows.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

namespace lensbench::page {
namespace {

/// Rows of all variables of all results.
class KeptRows {
 public:
  /// Variable, index, first row, number of rows.
  using Key = std::tuple<std::size_t, std::vector<std::int64_t>, std::int64_t, std::int64_t>;

  explicit KeptRows(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  const at::Tensor* find(const Key& key) const {
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : &found->second;
  }

  /// Keeps rows, and gives up those that were read first where there are too many.
  void add(const Key& key, const at::Tensor& rows) {
    if (rows.nbytes() > most_bytes_) return;
    rows_[key] = rows;
    order_.push_back(key);
    bytes_ += rows.nbytes();
    for (; bytes_ > most_bytes_; order_.pop_front()) {
      const auto first = rows_.find(order_.front());
      bytes_ -= first->second.nbytes();
      rows_.erase(first);
    }
  }

 private:
  std::size_t most_bytes_, bytes_ = 0;
  std::map<Key, at::Tensor> rows_;
  std::deque<Key> order_;
};

}  // namespace

void keep_rows(const std::vector<std::unique_ptr<PageResult>>& results, std::size_t most_bytes) {
  const auto kept = std::make_shared<KeptRows>(most_bytes);
  std::size_t number = 0;
  for (const auto& result : results)
    for (StoredVariable& variable : result->data.variables) {
      if (!variable.rows) continue;
      variable.rows = [kept, number, read = std::move(variable.rows)](
                          const std::vector<std::int64_t>& index, std::int64_t first,
                          std::int64_t count) {
        const KeptRows::Key key(number, index, first, count);
        if (const at::Tensor* known = kept->find(key)) return *known;
        const at::Tensor values = read(index, first, count);
        kept->add(key, values);
        return values;
      };
      ++number;
    }
}

}  // namespace lensbench::page
