#include "archive/run/unit.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <limits>
#include <utility>

#include "archive/hdf5/dataset_io.hpp"

// Binary form of a unit, which `UnitImage` writes and `Unit` reads. It is private to the folder of
// a run and little-endian; every change of it needs another kUnitFormat. It holds everything that
// the seal needs, so that a run can be sealed by another process than computed it.

namespace lensbench {
namespace {

constexpr std::uint32_t kUnitFormat = 1;
/// Values of this size and more are neither copied when they are written nor, if they are most of
/// their unit, when they are read.
constexpr std::size_t kLargeValues = std::size_t{256} << 10;
// In place of a type code of numbers.
constexpr std::uint8_t kTextType = 0xFF;

// --- costs ---------------------------------------------------------------------------------------

void put(UnitBytes& bytes, const Cost& cost) {
  bytes.number(cost.seconds);
  bytes.number(cost.peak_memory_bytes);
  bytes.number(cost.calls);
}

Cost take_cost(UnitCursor& from) {
  Cost cost;
  cost.seconds = from.number<double>();
  // An unknown peak is read as one NaN, whatever bits were stored.
  if (const auto peak = from.number<double>(); peak == peak) cost.peak_memory_bytes = peak;
  cost.calls = from.number<std::int64_t>();
  return cost;
}

void put(UnitBytes& bytes, const CaseCosts& costs) {
  put(bytes, costs.whole);
  bytes.text(costs.session);
  bytes.count(costs.tools.size());
  for (const auto& [tool, cost] : costs.tools) {
    bytes.text(tool);
    put(bytes, cost);
  }
  bytes.count(costs.profile.size());
  for (const ProfileEntry& entry : costs.profile) {
    bytes.text(entry.component);
    bytes.number(entry.seconds);
    for (const std::int64_t value :
         {entry.block, entry.calls, entry.allocated_bytes, entry.peak_bytes, entry.weight_bytes})
      bytes.number(value);
  }
}

CaseCosts take_costs(UnitCursor& from) {
  CaseCosts costs;
  costs.whole = take_cost(from);
  costs.session = from.text();
  for (std::size_t left = from.length(); left > 0; --left) {
    std::string tool = from.text();
    costs.tools.emplace(std::move(tool), take_cost(from));
  }
  for (std::size_t left = from.length(); left > 0; --left) {
    ProfileEntry entry;
    entry.component = from.text();
    entry.seconds = from.number<double>();
    for (std::int64_t* value : {&entry.block, &entry.calls, &entry.allocated_bytes,
                                &entry.peak_bytes, &entry.weight_bytes})
      *value = from.number<std::int64_t>();
    costs.profile.push_back(std::move(entry));
  }
  return costs;
}

// --- attributes ----------------------------------------------------------------------------------

void put(UnitBytes& bytes, const std::map<std::string, Attribute>& attributes) {
  bytes.count(attributes.size());
  for (const auto& [name, value] : attributes) {
    bytes.text(name);
    // Index of the alternative in `Attribute`; `take_attribute` has the same order.
    bytes.number(static_cast<std::uint8_t>(value.index()));
    if (const auto* integer = std::get_if<std::int64_t>(&value)) bytes.number(*integer);
    if (const auto* number = std::get_if<double>(&value)) bytes.number(*number);
    if (const auto* text = std::get_if<std::string>(&value)) bytes.text(*text);
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
      bytes.count(texts->size());
      for (const std::string& text : *texts) bytes.text(text);
    }
  }
}

std::vector<std::string> take_texts(UnitCursor& from) {
  std::vector<std::string> texts(from.length());
  for (std::string& text : texts) text = from.text();
  return texts;
}

Attribute take_attribute(UnitCursor& from) {
  switch (from.number<std::uint8_t>()) {
    case 0:
      return from.number<std::int64_t>();
    case 1:
      return from.number<double>();
    case 2:
      return from.text();
    case 3:
      return take_texts(from);
    default:
      from.fail();
  }
}

std::map<std::string, Attribute> take_attributes(UnitCursor& from) {
  std::map<std::string, Attribute> attributes;
  for (std::size_t left = from.length(); left > 0; --left) {
    std::string name = from.text();
    attributes.emplace(std::move(name), take_attribute(from));
  }
  return attributes;
}

// --- datasets ------------------------------------------------------------------------------------

// Codes of the types. They are part of the format: a code must never get another meaning.
constexpr std::pair<at::ScalarType, std::uint8_t> kTypes[] = {
    {at::kFloat, 0}, {at::kDouble, 1}, {at::kChar, 2}, {at::kByte, 3},
    {at::kInt, 4},   {at::kLong, 5},   {at::kBool, 6}};

/// Type, lengths and elements in C order. Large values are not copied but referred to, so the
/// tensor must outlive the image and be contiguous.
void put_values(UnitBytes& bytes, const at::Tensor& values) {
  for (const auto& [type, code] : kTypes)
    if (type == values.scalar_type()) bytes.number(code);
  for (const std::int64_t length : values.sizes()) bytes.count(static_cast<std::uint64_t>(length));
  const auto* first = static_cast<const std::byte*>(values.data_ptr());
  if (values.nbytes() >= kLargeValues)
    bytes.insert({first, values.nbytes()});
  else
    bytes.raw(first, values.nbytes());
}

/// Shape and size of values.
struct Extent {
  std::vector<std::int64_t> shape;
  std::size_t bytes;
};

/// Lengths from a file: their product may overflow, and a size must not be allocated before it is
/// compared with the bytes that are left (`UnitCursor::raw`).
Extent take_extent(UnitCursor& from, std::size_t axes, at::ScalarType type) {
  Extent extent{{}, c10::elementSize(type)};
  for (std::size_t axis = 0; axis < axes; ++axis) {
    const std::uint64_t length = from.count();
    if (length > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
        __builtin_mul_overflow(extent.bytes, length, &extent.bytes))
      from.fail();
    extent.shape.push_back(static_cast<std::int64_t>(length));
  }
  return extent;
}

/// Elements as a tensor. Values that are most of the unit share its memory, which they keep alive;
/// a copy would double the memory of a large case. Smaller ones are copied, so that a small tensor
/// does not keep a large unit in memory.
at::Tensor take_values(UnitCursor& from, std::size_t axes, std::size_t unit_bytes,
                       const std::shared_ptr<const void>& owner) {
  const auto code = from.number<std::uint8_t>();
  const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](auto& one) { return one.second == code; });
  if (known == std::end(kTypes)) from.fail();
  const auto [shape, bytes] = take_extent(from, axes, known->first);
  if (bytes >= kLargeValues) from.align();
  const auto values = from.raw(bytes);
  if (bytes >= kLargeValues && bytes >= unit_bytes / 2)
    // The memory belongs to nobody else, so that it may be changed.
    return at::from_blob(
        const_cast<std::byte*>(values.data()), shape, [owner](void*) {},
        at::TensorOptions().dtype(known->first));
  at::Tensor copy = at::empty(shape, known->first);
  if (bytes > 0) std::memcpy(copy.data_ptr(), values.data(), bytes);
  return copy;
}

/// One variable: its facts, then a type code, then its values.
void put(UnitBytes& bytes, const Variable& variable) {
  bytes.text(variable.name);
  bytes.count(variable.dims.size());
  for (const std::string& dim : variable.dims) bytes.text(dim);
  bytes.text(variable.units);
  bytes.text(variable.long_name);
  bytes.number(static_cast<std::uint8_t>(variable.coordinate));
  bytes.number(static_cast<std::uint8_t>(variable.holds == Holds::token_ids));
  put(bytes, variable.attributes);
  if (!variable.is_text()) return put_values(bytes, variable.tensor);
  bytes.number(kTextType);
  bytes.count(variable.strings.size());
  for (const std::string& text : variable.strings) bytes.text(text);
}

void put(UnitBytes& bytes, const Dataset& dataset) {
  bytes.count(dataset.variables().size());
  for (const Variable& variable : dataset.variables()) put(bytes, variable);
  put(bytes, dataset.attributes);
  bytes.count(dataset.receipts.size());
  for (const Receipt& receipt : dataset.receipts) {
    bytes.text(receipt.name);
    bytes.number(receipt.value);
    bytes.number(receipt.tolerance);
    bytes.number(static_cast<std::uint8_t>(receipt.passed));
    bytes.text(receipt.note);
  }
}

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

namespace {

/// Inverse of `put` of a variable. The type code is looked at twice, because it decides how what
/// follows is read.
Variable take_variable(UnitCursor& from, std::size_t unit_bytes,
                       const std::shared_ptr<const void>& owner) {
  Variable variable;
  variable.name = from.text();
  variable.dims = take_texts(from);
  variable.units = from.text();
  variable.long_name = from.text();
  variable.coordinate = from.number<std::uint8_t>() != 0;
  variable.holds = from.number<std::uint8_t>() != 0 ? Holds::token_ids : Holds::numbers;
  variable.attributes = take_attributes(from);
  UnitCursor type = from;
  if (type.number<std::uint8_t>() == kTextType) {
    from.number<std::uint8_t>();
    variable.strings = take_texts(from);
  } else {
    variable.tensor = take_values(from, variable.dims.size(), unit_bytes, owner);
  }
  return variable;
}

Receipt take_receipt(UnitCursor& from) {
  Receipt receipt;
  receipt.name = from.text();
  receipt.value = from.number<double>();
  receipt.tolerance = from.number<double>();
  receipt.passed = from.number<std::uint8_t>() != 0;
  receipt.note = from.text();
  return receipt;
}

}  // namespace

Dataset Unit::read(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end())
    throw InputError(subject_ + ": does not contain a dataset '" + name + "'");
  UnitCursor from(bytes_, subject_, found->second.place);
  Dataset dataset;
  try {
    for (std::size_t left = from.length(); left > 0; --left)
      dataset.add(take_variable(from, bytes_.size(), owner_));
    // `Dataset::add` reports mistakes of tools; here the bytes are at fault.
  } catch (const UsageError& error) {
    throw InputError(subject_ + ": " + error.what());
  }
  dataset.attributes = take_attributes(from);
  for (std::size_t left = from.length(); left > 0; --left)
    dataset.receipts.push_back(take_receipt(from));
  return dataset;
}

}  // namespace lensbench
