#include "checkpoint/weights/safetensors_header.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text/lfs_pointer.hpp"
#include "core/text/printable.hpp"

namespace lensbench {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // limit of the reference implementation
constexpr std::size_t kMaxTensors = 100'000;
constexpr std::size_t kMaxNameBytes = 512;
constexpr std::size_t kMaxRank = 8;
constexpr std::uint64_t kMaxInteger = 1ULL << 53;  // JSON readers disagree about larger integers

/// Parses the header event by event and accepts its only valid form, so that a hostile header never
/// becomes a tree in memory.
class HeaderReader {
 public:
  HeaderReader(const std::string& subject, SafetensorsHeader& header)
      : subject_(subject), header_(header) {}

  // nlohmann::json::sax_parse requires these names.
  bool null() { wrong_value("null"); }
  bool boolean(bool value) { wrong_value(value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { wrong_value(std::to_string(value)); }
  bool number_float(double, const std::string& text) { wrong_value(printable(text)); }
  bool binary(std::vector<std::uint8_t>&) { wrong_value("binary data"); }

  bool number_unsigned(std::uint64_t value) {
    if (state_ != State::shape && state_ != State::offsets) wrong_value(std::to_string(value));
    if (value > kMaxInteger) wrong_value(std::to_string(value));
    auto& list = state_ == State::shape ? shape_ : offsets_;
    const std::size_t limit = state_ == State::shape ? kMaxRank : 2;
    if (list.size() == limit)
      fail(tensor() + field_ + " has more than " + std::to_string(limit) + " numbers");
    list.push_back(value);
    return true;
  }

  bool string(std::string& value) {
    if (state_ == State::metadata) {
      header_.metadata[field_] = value;
    } else if (state_ == State::tensor && field_ == "dtype") {
      read_type(value);
    } else {
      wrong_value("\"" + printable(value) + "\"");
    }
    return true;
  }

  bool start_object(std::size_t) {
    if (state_ == State::start) {
      state_ = State::root;
    } else if (state_ == State::root) {
      state_ = name_ == "__metadata__" ? State::metadata : State::tensor;
      fields_.clear();
      entry_ = {};
      shape_.clear();
      offsets_.clear();
    } else {
      wrong_value("an object");
    }
    return true;
  }

  bool key(std::string& value) {
    if (state_ == State::root) {
      start_tensor(value);
    } else {
      field_ = value;
      if (!fields_.insert(value).second)
        fail(tensor() + "duplicate field \"" + printable(value) + "\"");
      if (state_ == State::tensor && value != "dtype" && value != "shape" &&
          value != "data_offsets")
        fail(tensor() + "unknown field \"" + printable(value) + "\"");
    }
    return true;
  }

  bool end_object() {
    if (state_ == State::tensor) finish_tensor();
    state_ = State::root;
    return true;
  }

  bool start_array(std::size_t) {
    if (state_ != State::tensor || field_ == "dtype") wrong_value("an array");
    state_ = field_ == "shape" ? State::shape : State::offsets;
    return true;
  }

  bool end_array() {
    state_ = State::tensor;
    return true;
  }

  template <class Exception>
  bool parse_error(std::size_t position, const std::string&, const Exception&) {
    fail("the header is not valid JSON at its byte " + std::to_string(position));
  }

 private:
  enum class State { start, root, metadata, tensor, shape, offsets };

  [[noreturn]] void fail(const std::string& fault) const {
    throw InputError(subject_ + ": " + fault);
  }

  std::string tensor() const { return "tensor '" + printable(name_) + "': "; }

  [[noreturn]] void wrong_value(const std::string& found) const {
    if (state_ == State::start) fail("the header is " + found + ", not a JSON object");
    if (state_ == State::root) fail(tensor() + "expected an object, found " + found);
    if (state_ == State::metadata)
      fail("__metadata__ has " + found + " for \"" + printable(field_) + "\"; expected a string");
    const char* expected = field_ == "dtype" ? "a string" : "whole numbers from 0 to 2^53";
    fail(tensor() + field_ + ": expected " + expected + ", found " + found);
  }

  void start_tensor(const std::string& name) {
    name_ = name;
    const bool control = std::any_of(name.begin(), name.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (name.empty() || name.size() > kMaxNameBytes || control ||
        name.find("/..") != std::string::npos)
      fail("invalid tensor name '" + printable(name) + "'; expected 1 to " +
           std::to_string(kMaxNameBytes) + " bytes without control characters and '/..'");
    if (!names_.insert(name).second) fail(tensor() + "described twice");
    if (names_.size() > kMaxTensors) fail("more than " + std::to_string(kMaxTensors) + " tensors");
  }

  void read_type(const std::string& word) {
    if (scalar_type_of(word, entry_.dtype)) return;
    if (bits_of_unreadable_type(word) == 0)
      fail(tensor() + "dtype \"" + printable(word) +
           "\" is not supported; expected one of F64, F32, F16, BF16, I64, I32, I16, I8, U8, "
           "BOOL; convert the checkpoint to one of them");
    entry_.dtype = at::kByte;
    entry_.unreadable_type = word;
  }

  void finish_tensor() {
    for (const char* field : {"dtype", "shape", "data_offsets"})
      if (!fields_.count(field)) fail(tensor() + "field \"" + field + "\" is missing");
    if (offsets_.size() != 2)
      fail(tensor() + "data_offsets has " + std::to_string(offsets_.size()) +
           " numbers; expected begin and end");
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    if (entry_.begin > entry_.end)
      fail(tensor() + "begins at byte " + std::to_string(entry_.begin) + ", after its end " +
           std::to_string(entry_.end));
    check_bytes();
    entry_.shape.assign(shape_.begin(), shape_.end());
    header_.tensors.emplace(name_, std::move(entry_));
  }

  void check_bytes() {
    std::uint64_t bits = entry_.unreadable_type.empty()
                             ? 8 * c10::elementSize(entry_.dtype)
                             : bits_of_unreadable_type(entry_.unreadable_type);
    // A dimension of 0 makes the product 0, even if the product of the others would overflow.
    const bool empty = std::find(shape_.begin(), shape_.end(), 0U) != shape_.end();
    for (const auto size : shape_)
      if (empty)
        bits = 0;
      else if (__builtin_mul_overflow(bits, size, &bits))
        fail(tensor() + "the shape has too many elements for 64-bit sizes");
    if (bits % 8 != 0)
      fail(tensor() + "its dtype and shape need " + std::to_string(bits) +
           " bits, which are not whole bytes");
    if (bits / 8 != entry_.end - entry_.begin)
      fail(tensor() + "data_offsets span " + std::to_string(entry_.end - entry_.begin) +
           " bytes, but its dtype and shape need " + std::to_string(bits / 8));
  }

  const std::string& subject_;
  SafetensorsHeader& header_;
  State state_ = State::start;
  std::string name_, field_;
  std::set<std::string, std::less<>> names_, fields_;
  SafetensorsEntry entry_;
  std::vector<std::uint64_t> shape_, offsets_;
};

std::string_view header_text(std::string_view file, const std::string& subject) {
  refuse_lfs_pointer(file, subject);
  if (file.size() < 8)
    throw InputError(subject + ": " + std::to_string(file.size()) +
                     " bytes, too short for a safetensors file; copy or download it again");
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<unsigned char>(file[static_cast<std::size_t>(i)]);
  if (length > kMaxHeaderBytes)
    throw InputError(subject + ": the stated header is too long (" + std::to_string(length) +
                     " bytes, at most " + std::to_string(kMaxHeaderBytes) +
                     " are allowed); is this a safetensors file?");
  if (length > file.size() - 8)
    throw InputError(subject + ": the file is truncated: the stated header has " +
                     std::to_string(length) + " bytes, but only " +
                     std::to_string(file.size() - 8) + " follow; copy or download it again");
  return file.substr(8, length);
}

void check_frame(std::string_view text, const std::string& subject) {
  if (text.empty()) throw InputError(subject + ": the header is empty");
  if (text.front() != '{')
    throw InputError(subject +
                     ": the header does not begin with '{' (is this a safetensors file?)");
  // The JSON parser treats a NUL byte as the end of the text and would ignore the rest.
  if (text.find('\0') != std::string_view::npos)
    throw InputError(subject + ": the header contains a NUL byte");
}

/// Checks that the tensors cover the data without gap or overlap: a gap could hide other data, and
/// overlapping bytes would have two meanings.
void check_layout(const SafetensorsHeader& header, std::uint64_t data_bytes,
                  const std::string& subject) {
  using Item = const std::pair<const std::string, SafetensorsEntry>*;
  std::vector<Item> order;
  for (const auto& item : header.tensors) order.push_back(&item);
  std::sort(order.begin(), order.end(), [](Item a, Item b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  std::uint64_t reached = 0;
  for (const Item item : order) {
    const auto& [name, entry] = *item;
    if (entry.end > data_bytes)
      throw InputError(subject + ": tensor '" + name + "': ends at byte " +
                       std::to_string(entry.end) + " of data, but the file has " +
                       std::to_string(data_bytes) +
                       "; the file is truncated: copy or download it again");
    if (entry.begin != reached)
      throw InputError(subject + ": tensor '" + name + "': begins at byte " +
                       std::to_string(entry.begin) + ", " +
                       (entry.begin < reached ? "inside another tensor" : "after a gap") +
                       "; expected " + std::to_string(reached));
    reached = entry.end;
  }
  if (reached != data_bytes)
    throw InputError(subject + ": " + std::to_string(data_bytes - reached) +
                     " bytes follow the last tensor; expected the end of the file");
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view file, const std::string& subject) {
  const auto text = header_text(file, subject);
  check_frame(text, subject);
  SafetensorsHeader header;
  header.data_begin = 8 + text.size();
  HeaderReader reader(subject, header);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  check_layout(header, file.size() - header.data_begin, subject);
  return header;
}

}  // namespace lensbench
