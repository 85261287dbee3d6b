#include <filesystem>
#include <iostream>

#include "archive/digest/verify.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/run/unfinished_run.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands.hpp"
#include "cli/parse/options.hpp"

namespace lensbench::cli {
namespace {

/// The folder of a run that has no archive yet, if that is what is named.
std::filesystem::path unfinished(const std::filesystem::path& file) {
  if (file.extension() == ".run" && std::filesystem::is_directory(file)) return file;
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(file, ignored))) return {};
  const auto folder = run_folder_of(file);
  return std::filesystem::is_directory(folder) ? folder : std::filesystem::path();
}

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
  for (const auto& finding : result.findings) std::cout << finding << "\n";
  std::cout << file << ": "
            << (!result.intact     ? "DAMAGED"
                : !result.expected ? "intact in itself, but NOT the archive that was expected"
                : !result.complete ? "intact, but incomplete"
                                   : "intact and complete")
            << "\nseal sha256 " << result.seal_sha256 << "\n";
  return result.intact && result.expected && result.complete ? 0 : 1;
}

int verify(const Options& options) {
  const std::string &file = options.operand(0), &expected = options.text("expect");
  if (const auto folder = unfinished(file); !folder.empty())
    return in_child({.files = {}, .folders = {folder}}, [&] { return verify_unfinished(folder); });
  return in_child({{file}}, [&] { return verify_sealed(file, expected); });
}

}  // namespace

Command verify_command() {
  return {
      .name = "verify",
      .group = "Archives",
      .summary = "whether an archive is as it was written",
      .description = R"(Recomputes every digest of an archive from its content. A digest stored in
the file itself cannot prove that nobody rewrote both; --expect compares with one kept elsewhere (the
.sha256 file beside the archive, or what the run printed).

What is damaged is named, down to the dataset and the case. A run that was interrupted (FILE is its
folder NAME.run, or the archive it has not come to) is incomplete: its cases are checked one by one.

Exit code 0: intact and complete. 1: changed, not the expected one, or incomplete. 3: not readable as
an archive.)",
      .operands = {{"FILE", "an archive", Values::archive}},
      .options = {{.name = "expect",
                   .argument = "SHA256",
                   .help = "the seal's digest as it was written down elsewhere"}},
      .examples = {{"lensbench verify results/mine.h5", "every digest, from the content"}},
      .run = verify};
}

}  // namespace lensbench::cli
