#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lensbench::fuzz {

/// Elements, attributes and texts of a part of a page, by a parser that accepts only what the page
/// may contain: names of HTML and SVG, attributes in double quotes, five character references,
/// every element closed in order. \throws std::runtime_error for anything else
class StrictHtml {
 public:
  explicit StrictHtml(std::string_view html) : html_(html) {
    while (at_ < html_.size()) {
      if (html_[at_] == '<')
        read_tag();
      else
        read_text();
    }
    if (!open_.empty()) fail("an element is not closed");
  }

  /// Start tags with their attributes, in order: `p class=alarm`.
  std::vector<std::string> tags;
  /// Text of each run of characters between tags, with character references resolved.
  std::vector<std::string> texts;

 private:
  [[noreturn]] void fail(const char* what) const {
    throw std::runtime_error(what + (" at byte " + std::to_string(at_)));
  }
  bool starts(std::string_view with) const { return html_.substr(at_).starts_with(with); }

  /// Digits, and capitals as in attributes of SVG.
  static bool is_later_in_name(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); }

  std::string read_name() {
    const std::size_t begin = at_;
    while (at_ < html_.size() && ((html_[at_] >= 'a' && html_[at_] <= 'z') || html_[at_] == '-' ||
                                  (at_ > begin && is_later_in_name(html_[at_]))))
      ++at_;
    if (at_ == begin) fail("a name is missing");
    return std::string(html_.substr(begin, at_ - begin));
  }

  void read_tag() {
    ++at_;
    if (starts("/")) {
      ++at_;
      if (open_.empty() || read_name() != open_.back()) fail("another element is closed");
      open_.pop_back();
      if (!starts(">")) fail("a closing tag has attributes");
      ++at_;
      return;
    }
    const std::string name = read_name();
    std::string tag = name;
    while (starts(" ")) {
      ++at_;
      tag += " " + read_name() + "=";
      if (!starts("=\"")) fail("an attribute is without quotes");
      at_ += 2;
      const std::size_t end = html_.find('"', at_);
      if (end == std::string_view::npos) fail("an attribute is not closed");
      tag += resolved(html_.substr(at_, end - at_));
      at_ = end + 1;
    }
    // Elements of SVG may end in their tag.
    const bool ends = starts("/>");
    if (!ends && !starts(">")) fail("a tag is not closed");
    at_ += ends ? 2 : 1;
    tags.push_back(std::move(tag));
    if (!ends) open_.push_back(name);
  }

  void read_text() {
    const std::size_t end = std::min(html_.find('<', at_), html_.size());
    texts.push_back(resolved(html_.substr(at_, end - at_)));
    at_ = end;
  }

  std::string resolved(std::string_view raw) const {
    static const std::vector<std::pair<std::string_view, char>> kReferences = {
        {"&amp;", '&'},  {"&lt;", '<'},   {"&gt;", '>'},
        {"&quot;", '"'}, {"&#39;", '\''}, {"&#13;", '\r'}};
    std::string text;
    while (!raw.empty()) {
      if (raw[0] == '<' || raw[0] == '>' || raw[0] == '"' || raw[0] == '\'' || raw[0] == '\0')
        fail("a character is not escaped");
      std::size_t length = 1;
      char character = raw[0];
      if (character == '&') {
        length = 0;
        for (const auto& [reference, meaning] : kReferences)
          if (raw.starts_with(reference)) length = reference.size(), character = meaning;
        if (length == 0) fail("a character reference is not known");
      }
      text += character;
      raw.remove_prefix(length);
    }
    return text;
  }

  std::string_view html_;
  std::size_t at_ = 0;
  std::vector<std::string> open_;
};

}  // namespace lensbench::fuzz
