#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <lensbench/error.hpp>
#include <limits>
#include <utility>

#include "archive/run/unit_contents.hpp"

namespace lensbench {
namespace {

/// Values of this size and more are neither copied when they are written nor, if they are most of
/// their unit, when they are read.
constexpr std::size_t kLargeValues = std::size_t{256} << 10;
// In place of a type code of numbers.
constexpr std::uint8_t kTextType = 0xFF;

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
    // Only this function uses the memory, so that it may be changed.
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

Dataset take_dataset(UnitCursor& from, std::size_t unit_bytes,
                     const std::shared_ptr<const void>& owner, const std::string& subject) {
  Dataset dataset;
  try {
    for (std::size_t left = from.length(); left > 0; --left)
      dataset.add(take_variable(from, unit_bytes, owner));
    // `Dataset::add` reports mistakes of tools; here the bytes are at fault.
  } catch (const UsageError& error) {
    throw InputError(subject + ": " + error.what());
  }
  dataset.attributes = take_attributes(from);
  for (std::size_t left = from.length(); left > 0; --left)
    dataset.receipts.push_back(take_receipt(from));
  return dataset;
}

}  // namespace lensbench
