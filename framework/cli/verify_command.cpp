#include <iostream>

#include "archive/verify.hpp"
#include "cli/commands.hpp"
#include "cli/options.hpp"

namespace lensbench::cli {
namespace {

int verify(const Options& options) {
  const auto& file = options.operand(0);
  const auto& expected = options.text("expect");
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

}  // namespace

Command verify_command() {
  return {
      .name = "verify",
      .group = "Archives",
      .summary = "whether an archive is as it was written",
      .description = R"(Recomputes every digest of an archive from its content. A digest stored in
the file itself cannot prove that nobody rewrote both; --expect compares with one kept elsewhere (the
.sha256 file beside the archive, or what the run printed).

Exit code 0: intact and complete. 1: changed, not the expected one, or cases are missing. 3: not
readable as an archive.)",
      .operands = {{"FILE", "an archive", Values::archive}},
      .options = {{.name = "expect",
                   .argument = "SHA256",
                   .help = "the seal's digest as it was written down elsewhere"}},
      .examples = {{"lensbench verify results/mine.h5", "every digest, from the content"}},
      .run = verify,
      .reads_archives = true};
}

}  // namespace lensbench::cli
