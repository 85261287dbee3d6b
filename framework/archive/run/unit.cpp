#include "archive/run/unit.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <utility>

#include "archive/hdf5/dataset_io.hpp"
#include "archive/run/unit_contents.hpp"

// Binary form of a unit, which `UnitImage` writes and `Unit` reads. It is private to the folder of
// a run and little-endian; every change of it needs another kUnitFormat. It holds everything that
// the seal needs, so that a run can be sealed by another process than computed it.

namespace lensbench {
namespace {

constexpr std::uint32_t kUnitFormat = 1;

std::int64_t count_failed(const Dataset& dataset) {
  return std::count_if(dataset.receipts.begin(), dataset.receipts.end(),
                       [](const Receipt& receipt) { return !receipt.passed; });
}

}  // namespace

UnitImage::UnitImage(const std::string& error, const std::map<std::string, Dataset>& saved,
                     const CaseCosts& costs) {
  bytes_.number(kUnitFormat);
  bytes_.text(error);
  put(bytes_, costs);
  bytes_.count(saved.size());
  for (const auto& [name, dataset] : saved) {
    // An unstorable dataset is refused before its case counts as saved, and not by the seal hours
    // later.
    check_storable(dataset);
    bytes_.text(name);
    // Count and size come first, so that a reader can skip the dataset.
    bytes_.count(static_cast<std::uint64_t>(count_failed(dataset)));
    const std::size_t place = bytes_.reserve();
    const std::size_t before = bytes_.size();
    put(bytes_, dataset);
    bytes_.fill(place, bytes_.size() - before);
  }
}

/// Reads the table of contents only; datasets are decoded when `read` asks for them.
Unit::Unit(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, std::string subject)
    : bytes_(bytes), owner_(std::move(owner)), subject_(std::move(subject)) {
  UnitCursor from(bytes_, subject_);
  if (from.number<std::uint32_t>() != kUnitFormat)
    throw InputError(subject_ + ": written by another version of lensbench");
  error_ = from.text();
  costs_ = take_costs(from);
  for (std::size_t left = from.length(); left > 0; --left) {
    std::string name = from.text();
    Entry entry;
    entry.failed_receipts = static_cast<std::int64_t>(from.count());
    entry.bytes = from.number<std::uint64_t>();
    entry.place = from.place();
    // Skips the dataset; the cursor refuses a size beyond the end of the unit.
    from.raw(entry.bytes);
    entries_.emplace(std::move(name), entry);
  }
}

std::vector<std::string> Unit::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

std::int64_t Unit::failed_receipts() const {
  std::int64_t sum = 0;
  for (const auto& [name, entry] : entries_) sum += entry.failed_receipts;
  return sum;
}

Dataset Unit::read(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end())
    throw InputError(subject_ + ": does not contain a dataset '" + name + "'");
  UnitCursor from(bytes_, subject_, found->second.place);
  return take_dataset(from, bytes_.size(), owner_, subject_);
}

}  // namespace lensbench
