#include "cli/project/new_project.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <lensbench/error.hpp>
#include <string_view>

#include "cli/project/project_templates.hpp"
#include "core/files/file_descriptor.hpp"
#include "core/files/new_folder.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 64;

// Lower-case keywords of C++ up to C++20.
constexpr std::string_view kKeywords[] = {
    "alignas",      "alignof",      "and",           "and_eq",
    "asm",          "auto",         "bitand",        "bitor",
    "bool",         "break",        "case",          "catch",
    "char",         "char8_t",      "char16_t",      "char32_t",
    "class",        "co_await",     "co_return",     "co_yield",
    "compl",        "concept",      "const",         "const_cast",
    "consteval",    "constexpr",    "constinit",     "continue",
    "decltype",     "default",      "delete",        "do",
    "double",       "dynamic_cast", "else",          "enum",
    "explicit",     "export",       "extern",        "false",
    "float",        "for",          "friend",        "goto",
    "if",           "inline",       "int",           "long",
    "main",         "mutable",      "namespace",     "new",
    "noexcept",     "not",          "not_eq",        "nullptr",
    "operator",     "or",           "or_eq",         "private",
    "protected",    "public",       "register",      "reinterpret_cast",
    "requires",     "return",       "short",         "signed",
    "sizeof",       "static",       "static_assert", "static_cast",
    "struct",       "switch",       "template",      "this",
    "thread_local", "throw",        "true",          "try",
    "typedef",      "typeid",       "typename",      "union",
    "unsigned",     "using",        "virtual",       "void",
    "volatile",     "wchar_t",      "while",         "xor",
    "xor_eq"};

// Targets that CMake or the package defines.
constexpr std::string_view kTargets[] = {"all",
                                         "c10",
                                         "clean",
                                         "edit_cache",
                                         "help",
                                         "install",
                                         "lensbench_torch",
                                         "list_install_components",
                                         "package",
                                         "rebuild_cache",
                                         "test",
                                         "torch",
                                         "torch_cpu",
                                         "torch_library"};

template <class Words>
bool holds(const Words& words, const std::string& name) {
  return std::find(std::begin(words), std::end(words), name) != std::end(words);
}

/// The functions of <cctype> depend on the locale.
bool small_letter(char c) {
  return c >= 'a' && c <= 'z';
}

bool name_character(char c) {
  return small_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

/// \throws UsageError for a name that cannot be a file name, a C++ identifier and a CMake target
void check_name(const std::string& name) {
  const std::string subject = "new: the name '" + name + "' ";
  if (name.empty() || !small_letter(name.front()) ||
      !std::all_of(name.begin(), name.end(), name_character))
    throw UsageError(subject +
                     "is invalid; use lower-case letters, digits and underscores, a letter first");
  if (name.size() > kLongestName)
    throw UsageError(subject + "has " + std::to_string(name.size()) +
                     " characters; expected at most " + std::to_string(kLongestName));
  // A suffix avoids the conflict, and the message offers one.
  if (holds(kKeywords, name))
    throw UsageError(subject + "is a C++ keyword; choose another, such as '" + name + "_probe'");
  if (holds(kTargets, name))
    throw UsageError(subject + "is a CMake target; choose another, such as '" + name + "_probe'");
}

/// The search goes on after each insertion, which may contain the placeholder.
void replace_all(std::string& text, std::string_view what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

/// The file is closed before the check: the last bytes are written then.
void write_file(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw RunError(path.string() + ": cannot be written: " + errno_text(errno));
}

}  // namespace

std::string class_name(const std::string& name) {
  std::string result;
  bool capital = true;
  for (const char c : name) {
    if (c != '_') result += capital && small_letter(c) ? static_cast<char>(c - 'a' + 'A') : c;
    capital = c == '_';
  }
  return result;
}

void write_project(ProjectKind kind, const std::string& name, const fs::path& folder) {
  check_name(name);
  // Files are written to a temporary folder; an error leaves nothing under the final name.
  NewFolder project(folder);
  for (const auto& [of_kind, file, text] : project_templates()) {
    // The templates of both kinds are in one list.
    if (of_kind != (kind == ProjectKind::tool ? "tool" : "experiment")) continue;
    std::string filled(text);
    replace_all(filled, "@NAME@", name);
    replace_all(filled, "@CLASS@", class_name(name));
    write_file(project.path() / (file == "source.cpp.in" ? name + ".cpp" : std::string(file)),
               filled);
  }
  project.publish();
}

}  // namespace lensbench::cli
