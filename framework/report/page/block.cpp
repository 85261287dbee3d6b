#include "report/page/block.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "core/text/base64.hpp"
#include "report/page/encode.hpp"
#include "report/page/escape.hpp"

static_assert(std::endian::native == std::endian::little, "blocks are little-endian");

namespace lensbench::page {
namespace {

using nlohmann::json;

/// Blocks of at most this many elements are in the index.
constexpr std::int64_t kInlined = 16;

Block plain(std::string_view bytes, const char* type, std::int64_t count, const char* encoding) {
  return {{{"type", type}, {"count", count}, {"encoding", encoding}}, std::string(bytes)};
}

/// A plain block in another form.
Block in_form(Block block, Form form) {
  if (form == Form::plain || block.data.empty()) return block;
  const std::string& bytes = block.data;
  const auto count = block.head["count"].get<std::size_t>();
  const std::size_t width = count > 0 ? bytes.size() / count : 1;
  if (width < 2 || block.head["type"] == "string") {
    block.data = base64(deflated(bytes));
    return block;
  }
  // The first bytes of all elements, then the second ones: bytes of one kind compress better.
  std::string shuffled;
  shuffled.reserve(bytes.size());
  for (std::size_t k = 0; k < width; ++k)
    for (std::size_t i = k; i < bytes.size(); i += width) shuffled += bytes[i];
  block.head["shuffled"] = width;
  block.data = base64(deflated(shuffled));
  return block;
}

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <class T, class From>
Block integers(const From* values, std::int64_t count, const char* type) {
  const std::vector<T> narrow(values, values + count);
  return plain(bytes_of(narrow), type, count, "plain");
}

/// Integers in the narrowest type. JavaScript has exact integers up to 2^53; larger ones are
/// rounded to float64.
Block integer_block(const at::Tensor& values) {
  const at::Tensor whole = values.to(at::kLong).contiguous();
  const std::int64_t* data = whole.data_ptr<std::int64_t>();
  const std::int64_t count = whole.numel();
  const auto [least, most] = std::minmax_element(data, data + count);
  const auto fits = [&, low = count > 0 ? *least : 0, high = count > 0 ? *most : 0](auto type) {
    using Limits = std::numeric_limits<decltype(type)>;
    return low >= Limits::min() && high <= Limits::max();
  };
  if (fits(std::int8_t{})) return integers<std::int8_t>(data, count, "int8");
  if (fits(std::int16_t{})) return integers<std::int16_t>(data, count, "int16");
  if (fits(std::int32_t{})) return integers<std::int32_t>(data, count, "int32");
  return integers<double>(data, count, "float64");
}

/// Scale of the finite values of a block.
struct Scale {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  bool logarithmic = true, zero = false, infinite = false;

  template <class T>
  explicit Scale(std::span<const T> values) {
    double least_positive = std::numeric_limits<double>::infinity();
    for (const T one : values) {
      const auto value = static_cast<double>(one);
      if (std::isnan(value)) continue;
      if (std::isinf(value)) infinite = true;
      low = std::min(low, value), high = std::max(high, value);
      zero = zero || value == 0;
      if (value > 0) least_positive = std::min(least_positive, value);
    }
    // Amounts have a relative precision; values of both signs, and constant ones, an absolute one.
    logarithmic = low >= 0 && high > 0 && least_positive < high;
    if (logarithmic) low = std::log(least_positive), high = std::log(high);
  }
  bool empty() const { return !(low <= high); }
};

/// Codes 1 to `steps + 1` of values; 0 is NaN. With zeros on a logarithmic scale, code 1 is 0 and
/// the least positive value is moved to code 2.
template <class Code, class T>
std::vector<Code> codes_of(std::span<const T> values, const Scale& scale, double steps) {
  std::vector<Code> codes(values.size(), 0);
  const double range = scale.high - scale.low;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto value = static_cast<double>(values[i]);
    if (std::isnan(value)) continue;
    if (scale.logarithmic && value == 0) {
      codes[i] = 1;
      continue;
    }
    const double at = scale.logarithmic ? std::log(value) : value;
    const double step = range > 0 ? std::round((at - scale.low) / range * steps) : 0;
    const double least = scale.logarithmic && scale.zero ? 1 : 0;
    codes[i] = static_cast<Code>(1 + std::clamp(step, least, steps));
  }
  return codes;
}

template <class Code, class T>
Block quantised(std::span<const T> values, const Scale& scale, double steps, const char* bits) {
  const auto codes = codes_of<Code>(values, scale, steps);
  const std::string encoding = std::string(scale.logarithmic ? "log" : "linear") + bits;
  Block block = plain(bytes_of(codes), "float32", std::ssize(values), encoding.c_str());
  block.head["low"] = scale.low;
  block.head["high"] = scale.high;
  if (scale.logarithmic && scale.zero) block.head["zero"] = true;
  if (sizeof(Code) == 1) block.head["approximate"] = true;
  return block;
}

/// Values on a scale; empty for infinities, which do not have a place on one, and for NaN alone.
template <class T>
std::optional<Block> on_scale(const at::Tensor& values, Precision precision) {
  const at::Tensor flat = values.contiguous();
  const std::span<const T> all(flat.data_ptr<T>(), static_cast<std::size_t>(flat.numel()));
  const Scale scale(all);
  if (scale.infinite || scale.empty()) return std::nullopt;
  return precision == Precision::bits16 ? quantised<std::uint16_t>(all, scale, 65534, "16")
                                        : quantised<std::uint8_t>(all, scale, 254, "8");
}

std::optional<Block> on_scale(const at::Tensor& values, Precision precision) {
  if (precision == Precision::exact) return std::nullopt;
  if (values.scalar_type() == at::kFloat) return on_scale<float>(values, precision);
  return on_scale<double>(values.to(at::kDouble), precision);
}

/// More values of float64 than a table or a curve has are rounded to float32, as their pictures
/// are.
constexpr std::int64_t kMostDoubles = 1000;

Block float_block(const at::Tensor& values, Precision precision) {
  if (auto block = on_scale(values, precision)) return *std::move(block);
  const at::Tensor flat =
      (values.numel() > kMostDoubles ? values.to(at::kFloat) : values).contiguous();
  const bool doubles = flat.scalar_type() == at::kDouble;
  const std::string_view bytes(static_cast<const char*>(flat.data_ptr()),
                               static_cast<std::size_t>(flat.numel()) * flat.element_size());
  return plain(bytes, doubles ? "float64" : "float32", flat.numel(), "plain");
}

/// The values of a short block; empty if one has no form in JSON.
json inlined(const at::Tensor& values) {
  json list = json::array();
  const at::Tensor flat = values.flatten();
  const bool floats = at::isFloatingType(flat.scalar_type());
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    if (!floats) {
      list.push_back(flat[i].item<std::int64_t>());
      continue;
    }
    const auto value = flat[i].item<double>();
    if (std::isinf(value)) return {};
    list.push_back(std::isnan(value) ? json() : json(value));
  }
  return list;
}

}  // namespace

std::size_t Block::size() const {
  // Around the data: `<script type="text/plain" id="block-123"></script>`, and the head in the
  // index, which is compressed.
  return data.empty() ? head.dump().size() : data.size() + 100;
}

Block text_block(const std::vector<std::string>& texts, Form form) {
  std::string bytes;
  json list = json::array();
  for (const std::string& text : texts) {
    const std::string valid = valid_text(text);
    if (std::ssize(texts) <= kInlined) list.push_back(valid);
    bytes += valid;
    bytes += '\0';
  }
  if (std::ssize(texts) <= kInlined && bytes.size() < 1024) return {{{"values", list}}, ""};
  return in_form(plain(bytes, "string", std::ssize(texts), "plain"), form);
}

Block number_block(const at::Tensor& values, Precision precision, Form form) {
  if (values.numel() <= kInlined)
    if (json list = inlined(values); !list.is_null()) return {{{"values", list}}, ""};
  if (at::isFloatingType(values.scalar_type()))
    return in_form(float_block(values, precision), form);
  // Integers are exact unless even 16 bits are too many.
  if (precision == Precision::bits8)
    if (auto block = on_scale(values, precision)) return in_form(*std::move(block), form);
  return in_form(integer_block(values), form);
}

Block id_block(const at::Tensor& ids, Form form) {
  if (ids.numel() <= kInlined || ids.dim() < 2) return number_block(ids, Precision::exact, form);
  const at::Tensor whole = ids.to(at::kLong).contiguous();
  const std::int64_t* data = whole.data_ptr<std::int64_t>();
  const std::int64_t row = whole.numel() / std::max<std::int64_t>(1, whole.size(0));
  std::vector<std::int32_t> changes(static_cast<std::size_t>(whole.numel()));
  for (std::int64_t i = 0; i < whole.numel(); ++i) {
    // A negative id means a missing token; the code of -1 would be that of an unchanged id.
    if (data[i] < 0 || data[i] >= std::numeric_limits<std::int32_t>::max())
      return number_block(ids, Precision::exact, form);
    const bool same = i >= row && data[i] == data[i - row];
    changes[static_cast<std::size_t>(i)] = same ? 0 : static_cast<std::int32_t>(data[i] + 1);
  }
  return in_form(plain(bytes_of(changes), "int32", whole.numel(), "changes"), form);
}

}  // namespace lensbench::page
