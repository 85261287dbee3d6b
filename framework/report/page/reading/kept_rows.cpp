#include "report/page/reading/kept_rows.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace lensbench::page {
namespace {

/// Bytes of a block. The blocks of ten variables over a hundred layers have room in what is kept.
constexpr std::int64_t kBytesOfBlock = 32 << 10;

/// Blocks of rows of all variables of all results.
class KeptRows {
 public:
  /// Number of a variable, and index of the axes before the rows.
  using Place = std::pair<std::size_t, std::vector<std::int64_t>>;

  explicit KeptRows(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// Rows of a place; an undefined tensor if they are not kept.
  at::Tensor find(const Place& place, Rows wanted) const {
    const auto found = blocks_.find(place);
    if (found == blocks_.end()) return {};
    const auto axis = static_cast<std::int64_t>(place.second.size());
    for (const Block& block : found->second)
      if (wanted.first >= block.first &&
          wanted.first + wanted.count <= block.first + block.rows.size(axis))
        return block.rows.narrow(axis, wanted.first - block.first, wanted.count);
    return {};
  }

  /// Keeps a block, and gives up those that were read first where there are too many.
  void add(const Place& place, std::int64_t first, const at::Tensor& rows) {
    if (rows.nbytes() > most_bytes_) return;
    blocks_[place].push_back({first, rows});
    order_.push_back(place);
    bytes_ += rows.nbytes();
    for (; bytes_ > most_bytes_; order_.pop_front()) {
      const auto oldest = blocks_.find(order_.front());
      bytes_ -= oldest->second.front().rows.nbytes();
      oldest->second.pop_front();
      if (oldest->second.empty()) blocks_.erase(oldest);
    }
  }

 private:
  struct Block {
    std::int64_t first;
    at::Tensor rows;
  };

  std::size_t most_bytes_, bytes_ = 0;
  std::map<Place, std::deque<Block>> blocks_;
  std::deque<Place> order_;  ///< places of the blocks, in the order in which they were read
};

/// Rows to read for some rows of an axis: those of short cases with their neighbours, long ones
/// alone.
Rows rows_to_read(const StoredVariable& variable, std::size_t axis, Rows wanted) {
  auto row_bytes = static_cast<std::int64_t>(c10::elementSize(variable.type));
  for (std::size_t inner = axis + 1; inner < variable.shape.size(); ++inner)
    row_bytes *= variable.shape[inner];
  const std::int64_t rows =
      std::max<std::int64_t>(1, kBytesOfBlock / std::max<std::int64_t>(1, row_bytes));
  if (wanted.count >= rows) return wanted;
  const std::int64_t first = wanted.first - wanted.first % rows;
  const std::int64_t end =
      std::max(wanted.first + wanted.count, std::min(variable.shape[axis], first + rows));
  return {first, end - first};
}

}  // namespace

void keep_rows(const std::vector<std::unique_ptr<PageResult>>& results, std::size_t most_bytes) {
  const auto kept = std::make_shared<KeptRows>(most_bytes);
  std::size_t number = 0;
  for (const auto& result : results)
    for (StoredVariable& variable : result->data.variables) {
      if (!variable.rows || variable.shape.empty()) continue;
      // The variable itself stays where it is, and so does its shape.
      variable.rows = [kept, number, &variable, read = std::move(variable.rows)](
                          const std::vector<std::int64_t>& index, std::int64_t first,
                          std::int64_t count) {
        const KeptRows::Place place(number, index);
        if (at::Tensor known = kept->find(place, {first, count}); known.defined()) return known;
        const Rows block = rows_to_read(variable, index.size(), {first, count});
        const at::Tensor rows = read(index, block.first, block.count);
        kept->add(place, block.first, rows);
        return rows.narrow(static_cast<std::int64_t>(index.size()), first - block.first, count);
      };
      ++number;
    }
}

}  // namespace lensbench::page
