#pragma once

/// \file
/// Writes the description of a plug-in as JSON at compile time. `lensbench/plugin.hpp` uses it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <lensbench/plugin_descriptor.hpp>

namespace lensbench::detail {

/// Output that counts characters, or writes them where `out` is set.
struct TextSink {
  char* out = nullptr;
  std::size_t size = 0;

  constexpr void put(char c) {
    if (out != nullptr) out[size] = c;
    ++size;
  }
  constexpr void raw(const char* text) {
    for (; *text != '\0'; ++text) put(*text);
  }
  constexpr void number(std::uint64_t value) {
    if (value >= 10) number(value / 10);
    put(static_cast<char>('0' + value % 10));
  }
};

/// Writer of the description.
class PluginText {
 public:
  constexpr explicit PluginText(TextSink& sink) : sink_(sink) {}

  constexpr void describe(const char* name, const char* abi, const PluginEntry* entries,
                          std::size_t n_entries) {
    open('{');
    member_number("lensbench_plugin", kPluginFormatVersion);
    key("api");
    open('[');
    next();
    sink_.number(kPluginApiMajor);
    next();
    sink_.number(kPluginApiMinor);
    close(']');
    member("abi", abi);
    member("name", name);
    key("entries");
    open('[');
    for (std::size_t i = 0; i < n_entries; ++i) {
      next();
      entry(entries[i]);
    }
    close(']');
    close('}');
    sink_.put('\0');
  }

 private:
  constexpr void entry(const PluginEntry& entry) {
    open('{');
    member_number("kind", static_cast<std::uint64_t>(entry.kind));
    member("name", entry.name);
    member("version", entry.version);
    member("summary", entry.summary);
    if (entry.interface_version != nullptr) member("interface", entry.interface_version);
    key("parameters");
    open('[');
    for (std::size_t i = 0; i < entry.n_parameters; ++i) {
      next();
      parameter(entry.parameters[i]);
    }
    close(']');
    if (entry.results != nullptr) {
      key("results");
      open('[');
      for (std::size_t i = 0; i < entry.n_results; ++i) {
        next();
        result(entry.results[i]);
      }
      close(']');
    }
    key("graded_settings");
    open('[');
    for (std::size_t i = 0; i < entry.n_graded_settings; ++i) {
      next();
      text(entry.graded_settings[i]);
    }
    close(']');
    close('}');
  }

  constexpr void parameter(const ParameterSpec& parameter) {
    open('{');
    member("name", parameter.name);
    member_number("type", static_cast<std::uint64_t>(parameter.type));
    if (parameter.default_value != nullptr) member("default", parameter.default_value);
    member("units", parameter.units);
    member("help", parameter.help);
    if (parameter.allowed != nullptr) member("allowed", parameter.allowed);
    close('}');
  }

  constexpr void result(const ResultSpec& result) {
    open('{');
    member("name", result.name);
    member("dims", result.dims);
    member("units", result.units);
    member("meaning", result.meaning);
    member_number("view", static_cast<std::uint64_t>(result.view));
    member_number("always", result.always ? 1 : 0);
    close('}');
  }

  constexpr void open(char bracket) {
    sink_.put(bracket);
    first_ = true;
  }
  constexpr void close(char bracket) {
    sink_.put(bracket);
    first_ = false;
  }
  constexpr void next() {
    if (!first_) sink_.put(',');
    first_ = false;
  }
  constexpr void key(const char* name) {
    next();
    text(name);
    sink_.put(':');
  }
  constexpr void member(const char* name, const char* value) {
    key(name);
    // A missing text stays visible as null, which the bench refuses with the name of the field.
    if (value == nullptr)
      sink_.raw("null");
    else
      text(value);
  }
  constexpr void member_number(const char* name, std::uint64_t value) {
    key(name);
    sink_.number(value);
  }
  constexpr void text(const char* value) {
    constexpr const char* digits = "0123456789abcdef";
    sink_.put('"');
    for (; *value != '\0'; ++value) {
      const char c = *value;
      if (c == '"' || c == '\\') sink_.put('\\');
      if (static_cast<unsigned char>(c) >= 0x20) {
        sink_.put(c);
        continue;
      }
      sink_.raw("\\u00");
      sink_.put(digits[(c >> 4) & 15]);
      sink_.put(digits[c & 15]);
    }
    sink_.put('"');
  }

  TextSink& sink_;
  bool first_ = true;
};

/// Bytes of the description, with the NUL at its end.
template <std::size_t N>
constexpr std::size_t plugin_text_size(const char* name, const char* abi,
                                       const PluginEntry (&entries)[N]) {
  TextSink sink;
  PluginText(sink).describe(name, abi, entries, N);
  return sink.size;
}

/// The description as JSON, with a NUL at its end.
template <std::size_t Size, std::size_t N>
constexpr std::array<char, Size> plugin_text(const char* name, const char* abi,
                                             const PluginEntry (&entries)[N]) {
  std::array<char, Size> text{};
  TextSink sink{text.data()};
  PluginText(sink).describe(name, abi, entries, N);
  return text;
}

}  // namespace lensbench::detail
