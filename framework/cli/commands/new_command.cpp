#include <filesystem>
#include <iostream>

#include "cli/commands/actions.hpp"
#include "cli/parse/options.hpp"
#include "cli/project/new_project.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

/// Folder that this program is installed in; empty if CMake searches it by default.
fs::path own_prefix() {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  // The program is PREFIX/bin/lensbench, so that the package for CMake is in the same prefix.
  const auto prefix = program.parent_path().parent_path();
  return prefix == "/usr" || prefix == "/usr/local" ? fs::path() : prefix;
}

/// Commands that build, test and run the new project, ready to be copied.
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

int run_new(const Options& options) {
  const auto kind = options.operand(0) == "tool" ? ProjectKind::tool : ProjectKind::experiment;
  const auto& name = options.operand(1);
  const fs::path folder = options.given("dir") ? options.text("dir") : name;
  write_project(kind, name, folder);
  say_next(kind, name, folder);
  return 0;
}

}  // namespace lensbench::cli
