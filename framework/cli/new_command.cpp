#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>

#include "cli/commands.hpp"
#include "cli/new_project.hpp"
#include "cli/simple_options.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp = R"(lensbench new tool NAME [--dir DIR]
lensbench new experiment NAME [--dir DIR]

A project for a tool or an experiment of your own: CMakeLists.txt, one source, one test, a README.
It builds, loads and passes its test as it is; then make it yours.

NAME is what `lensbench tool` or `lensbench run` will know it by: small letters, digits, underscores.
--dir is the folder to write, which must not exist; without it NAME, here.
)";

/// The folder this program is installed in, or empty where CMake looks by itself.
fs::path own_prefix() {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  const auto prefix = program.parent_path().parent_path();
  return prefix == "/usr" || prefix == "/usr/local" ? fs::path() : prefix;
}

void say_next(ProjectKind kind, const std::string& name, const fs::path& folder) {
  const auto prefix = own_prefix();
  const auto program =
      prefix.empty() ? std::string("lensbench") : (prefix / "bin/lensbench").string();
  std::cerr << "wrote " << folder.string() << ": CMakeLists.txt, " << name
            << ".cpp, test.sh, README.md\n\nBuild it, test it, run it:\n"
            << "  cd " << folder.string() << "\n  cmake -B build"
            << (prefix.empty() ? "" : " -DCMAKE_PREFIX_PATH=" + prefix.string())
            << "\n  cmake --build build\n  ctest --test-dir build\n  " << program
            << (kind == ProjectKind::tool ? " tool " : " run ") << name
            << " --plugin-dir build/lib/lensbench/plugins --model DIR --prompt TEXT\n";
}

}  // namespace

int new_command(const Arguments& arguments) {
  const SimpleOptions options("new", arguments, {{"dir", SimpleOptions::Count::one}}, {});
  if (options.flag("help")) {
    std::cout << kHelp;
    return 0;
  }
  const auto& words = options.positional();
  if (words.empty() || (words[0] != "tool" && words[0] != "experiment") || words.size() != 2)
    throw UsageError("new: expected lensbench new tool NAME, or lensbench new experiment NAME");
  const auto kind = words[0] == "tool" ? ProjectKind::tool : ProjectKind::experiment;
  const fs::path folder = options.given("dir") ? options.text("dir") : words[1];
  write_project(kind, words[1], folder);
  say_next(kind, words[1], folder);
  return 0;
}

}  // namespace lensbench::cli
