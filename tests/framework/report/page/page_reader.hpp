#pragma once

#include <zlib.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// A reader of pages that shares nothing with their writer, so that a mistake in one is not hidden
// by the same mistake in the other.

namespace lensbench::testing {

inline std::string from_base64(std::string_view text) {
  std::string bytes;
  unsigned group = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char* found = std::strchr(digits, c);
    if (found == nullptr || c == '\0') throw std::runtime_error("not base64");
    group = group << 6 | static_cast<unsigned>(found - digits);
    bits += 6;
    if (bits >= 8) bits -= 8, bytes += static_cast<char>(group >> bits & 255);
  }
  return bytes;
}

inline std::string inflated(std::string_view bytes) {
  z_stream stream{};
  inflateInit2(&stream, -15);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::array<char, 65536> buffer;
  int code = Z_OK;
  while (code == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = buffer.size();
    code = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (code != Z_STREAM_END) throw std::runtime_error("not raw deflate");
  return out;
}

/// Numbers of `bytes` in one type, little-endian.
template <class T>
std::vector<double> numbers_in(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return {values.begin(), values.end()};
}

/// Bytes of elements of `width` bytes, of which the first ones were stored together, then the
/// second ones, and so on.
inline std::string in_order(const std::string& stored, std::size_t width) {
  std::string bytes(stored.size(), '\0');
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const std::size_t element = i % (stored.size() / width), part = i / (stored.size() / width);
    bytes.at(element * width + part) = stored[i];
  }
  return bytes;
}

/// Numbers of a block from its head and its bytes (none for values in the head). `row` is the
/// number of cells in a row of the first axis, for ids as changes.
inline std::vector<double> decoded(const nlohmann::json& head, const std::string& stored,
                                   std::size_t row = 0) {
  std::vector<double> values;
  if (head.contains("values")) {
    for (const auto& one : head["values"])
      values.push_back(one.is_null() ? std::nan("") : one.get<double>());
    return values;
  }
  const std::string bytes = in_order(stored, head.value("shuffled", std::size_t{1}));
  const std::string type = head["type"], encoding = head["encoding"];
  if (encoding == "plain") {
    if (type == "float32") values = numbers_in<float>(bytes);
    if (type == "float64") values = numbers_in<double>(bytes);
    if (type == "int8") values = numbers_in<std::int8_t>(bytes);
    if (type == "int16") values = numbers_in<std::int16_t>(bytes);
    if (type == "int32") values = numbers_in<std::int32_t>(bytes);
  } else if (encoding == "changes") {
    values = numbers_in<std::int32_t>(bytes);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = values[i] == 0 ? values.at(i - row) : values[i] - 1;
  } else {
    const bool wide = encoding.ends_with("16");
    values = wide ? numbers_in<std::uint16_t>(bytes) : numbers_in<std::uint8_t>(bytes);
    const double steps = wide ? 65534 : 254, low = head["low"], high = head["high"];
    for (double& value : values) {
      const double at = low + (value - 1) * (high - low) / steps;
      if (value == 0)
        value = std::nan("");
      else if (value == 1 && head.value("zero", false))
        value = 0;
      else
        value = encoding.starts_with("log") ? std::exp(at) : at;
    }
  }
  if (values.size() != head["count"].get<std::size_t>())
    throw std::runtime_error("a block has another length than its head says");
  return values;
}

/// A page read back.
class PageReader {
 public:
  explicit PageReader(std::string page)
      : page_(std::move(page)), index_(nlohmann::json::parse(data("index"))) {}

  const nlohmann::json& index() const { return index_; }
  const std::string& page() const { return page_; }

  /// Bytes of an embedded script of data.
  std::string data(const std::string& id) const {
    const std::string start = "<script type=\"text/plain\" id=\"" + id + "\">";
    const auto at = page_.find(start);
    if (at == std::string::npos) throw std::runtime_error("the page has no " + id);
    const auto begin = at + start.size();
    return inflated(
        from_base64(std::string_view(page_).substr(begin, page_.find('<', begin) - begin)));
  }

  std::vector<double> numbers(const nlohmann::json& head, std::size_t row = 0) const {
    return decoded(head, head.contains("block") ? bytes_of(head) : "", row);
  }
  std::vector<std::string> texts(const nlohmann::json& head) const {
    if (head.contains("values")) return head["values"];
    std::vector<std::string> texts(1);
    for (const char c : bytes_of(head)) {
      if (c == '\0')
        texts.emplace_back();
      else
        texts.back() += c;
    }
    texts.pop_back();
    return texts;
  }

  /// A result, variable or member of a list by its name.
  static const nlohmann::json& named(const nlohmann::json& list, const std::string& name) {
    for (const auto& one : list)
      if (one["name"] == name) return one;
    throw std::runtime_error("the page has no " + name);
  }
  const nlohmann::json& variable(const std::string& result, const std::string& name,
                                 std::size_t archive = 0) const {
    return named(named(index_["archives"][archive]["results"], result)["variables"], name);
  }

 private:
  std::string bytes_of(const nlohmann::json& head) const {
    return data("block-" + std::to_string(head["block"].get<int>()));
  }

  std::string page_;
  nlohmann::json index_;
};

}  // namespace lensbench::testing
