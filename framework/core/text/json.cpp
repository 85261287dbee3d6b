#include "core/text/json.hpp"

#include <cmath>
#include <fstream>
#include <lensbench/error.hpp>
#include <sstream>
#include <vector>

#include "core/text/json_fault.hpp"
#include "core/text/lfs_pointer.hpp"
#include "core/text/printable.hpp"

// Strict reading and canonical writing of JSON. Files come from elsewhere, so size and depth are
// limited and nothing is accepted that two programs could read differently: duplicate keys, a byte
// order mark, text after the value.

namespace lensbench {
namespace {

/// Refuses NaN and infinities, which `dump` would silently write as `null`.
void require_finite(const nlohmann::json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>()))
    throw UsageError("JSON: cannot store a number that is not finite (NaN or infinity)");
  if (value.is_structured())
    for (const auto& item : value) require_finite(item);
}

}  // namespace

using nlohmann::json;

namespace {

/// Builds a value from parser events. nlohmann's own parser callback accepts duplicate keys and
/// copies every key, which takes seconds for the vocabulary of a tokenizer.
class StrictBuilder final : public nlohmann::json_sax<json> {
 public:
  StrictBuilder(std::string_view text, const std::string& subject, int max_depth)
      : text_(text), subject_(subject), max_depth_(static_cast<std::size_t>(max_depth)) {}

  json take() { return std::move(root_); }

  // The functions below are called by the parser in the order of the text.
  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(json::number_integer_t value) override { return put(value); }
  bool number_unsigned(json::number_unsigned_t value) override { return put(value); }
  bool number_float(json::number_float_t value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(json::binary_t& value) override { return put(std::move(value)); }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    const auto [member, inserted] =
        containers_.back()->get_ref<json::object_t&>().try_emplace(std::move(name));
    if (!inserted) throw InputError(subject_ + ": duplicate JSON key \"" + member->first + "\"");
    member_ = &member->second;
    return true;
  }

  bool parse_error(std::size_t bytes, const std::string& last,
                   const nlohmann::detail::exception& e) override {
    // The size of a number is the only fault that is found after its text was read.
    const bool too_large = dynamic_cast<const json::out_of_range*>(&e) != nullptr;
    throw InputError(subject_ + ": not valid JSON: " +
                     (too_large
                          ? "the number " + printable(last) + " is too large; write a smaller one"
                          : json_fault(text_, bytes, e.what())));
  }

 private:
  /// Puts a value where the parser is: at the root, under the last key, or at the end of an array.
  /// \return its address, which remains valid while it is the innermost container
  json* insert(json&& value) {
    if (containers_.empty()) return &(root_ = std::move(value));
    if (containers_.back()->is_object()) return &(*member_ = std::move(value));
    auto& array = containers_.back()->get_ref<json::array_t&>();
    return &array.emplace_back(std::move(value));
  }
  bool put(json value) {
    insert(std::move(value));
    return true;
  }
  /// The depth is limited here, since most functions that visit a value are recursive.
  bool open(json value) {
    if (containers_.size() > max_depth_)
      throw InputError(subject_ + ": JSON nested deeper than " + std::to_string(max_depth_) +
                       " levels");
    // Pointers to open containers stay valid: an array grows only after its last element is
    // complete, so a reallocation moves complete elements only.
    containers_.push_back(insert(std::move(value)));
    return true;
  }
  bool close() {
    containers_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::string& subject_;
  std::size_t max_depth_;
  json root_;
  std::vector<json*> containers_;
  json* member_ = nullptr;  // value of the most recent key
};

}  // namespace

json parse_json(std::string_view text, const std::string& subject, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes)
    throw InputError(subject + ": too large for JSON (" + std::to_string(text.size()) +
                     " bytes, at most " + std::to_string(limits.max_bytes) + " are allowed)");
  // The parser skips a byte order mark and treats a NUL byte as the end of the text.
  if (text.starts_with("\xef\xbb\xbf") || text.find('\0') != std::string_view::npos)
    throw InputError(subject + ": not valid JSON: has a byte order mark or a NUL byte; remove it");
  StrictBuilder builder(text, subject, limits.max_depth);
  try {
    json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const json::exception& error) {
    throw InputError(subject + ": not valid JSON: " + error.what());
  }
  return builder.take();
}

namespace {

// Python's json writes NaN and infinities as bare words. As texts they are read, and a field that
// must be a finite number is refused by name.
void quote_non_finite(std::string& text) {
  if (text.find("NaN") == std::string::npos && text.find("Infinity") == std::string::npos) return;
  std::string result;
  bool in_string = false;
  // Words within strings are text; a backslash may escape the quotation mark that would end one.
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view word = in_string ? std::string_view() : non_finite_at(text, i);
    if (!word.empty()) {
      result.append("\"").append(word).append("\"");
      i += word.size();
      continue;
    }
    if (in_string && text[i] == '\\' && i + 1 < text.size())
      result += text[i++];
    else if (text[i] == '"')
      in_string = !in_string;
    result += text[i++];
  }
  text = std::move(result);
}

}  // namespace

/// The kind of file is checked first: reading a named pipe would wait for ever. The size is checked
/// again by the parser, since the file may have grown.
nlohmann::json read_json(const std::filesystem::path& path, const JsonLimits& limits) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    throw InputError(path.string() + ": no such file");
  const auto bytes = std::filesystem::file_size(path, error);
  if (!error && bytes > limits.max_bytes)
    throw InputError(path.string() + ": too large (" + std::to_string(bytes) + " bytes, at most " +
                     std::to_string(limits.max_bytes) + " are allowed for this file)");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw InputError(path.string() + ": cannot be read");
  std::string content = std::move(text).str();
  refuse_lfs_pointer(content, path.string());
  quote_non_finite(content);
  return parse_json(content, path.string(), limits);
}

/// Keys are sorted and numbers have their shortest form, so that equal values have equal bytes.
std::string canonical_json(const nlohmann::json& value) {
  require_finite(value);
  try {
    // nlohmann::json keeps object keys in a std::map, so the dump is sorted already.
    return value.dump();
  } catch (const nlohmann::json::exception& error) {
    throw UsageError(std::string("JSON: cannot store a value: ") + error.what());
  }
}

}  // namespace lensbench
