#include <filesystem>
#include <iostream>

#include "archive/digest/verify.hpp"
#include "archive/run/unfinished_run.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/beginning_of_run.hpp"
#include "cli/parse/options.hpp"

namespace lensbench::cli {
namespace {

/// An unfinished run lacks a seal: its committed cases are checked, and the exit code is 1, because
/// it is not the archive that was asked for.
int verify_unfinished(const std::filesystem::path& folder) {
  const UnfinishedRun run = inspect_run(folder);
  std::cout << folder.string() << ": INCOMPLETE, not sealed yet: " << run.complete << " of "
            << run.planned << " cases are safe and intact, " << run.failed << " failed, "
            << run.damaged << " damaged\nthe same command with --resume --out "
            << std::filesystem::path(folder).replace_extension(".h5").string()
            << " runs the others\n";
  return 1;
}

int verify_sealed(const std::string& file, const std::string& expected) {
  const auto result =
      verify_archive(file, expected.empty() ? std::nullopt : std::optional(expected));
  // The worst finding comes first below: a damaged archive may be the expected one all the same.
  for (const auto& finding : result.findings) std::cout << finding << "\n";
  std::cout << file << ": "
            << (!result.intact     ? "DAMAGED"
                : !result.expected ? "intact in itself, but NOT the archive that was expected"
                : !result.complete ? "intact, but incomplete"
                                   : "intact and complete")
            << "\n";
  if (!result.matched.empty())
    std::cout << "the expected digest is that of the " << result.matched << "\n";
  std::cout << "seal sha256 " << result.seal_sha256 << "\n";
  return result.intact && result.expected && result.complete ? 0 : 1;
}

}  // namespace

int run_verify(const Options& options) {
  const std::string &file = options.operand(0), &expected = options.text("expect");
  if (const auto folder = unsealed_run(file); !folder.empty())
    return in_child({.files = {}, .folders = {folder}}, [&] { return verify_unfinished(folder); });
  return in_child({{file}}, [&] { return verify_sealed(file, expected); });
}

}  // namespace lensbench::cli
