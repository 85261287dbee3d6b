#include <iostream>

#include "archive/verify.hpp"
#include "cli/commands.hpp"
#include "cli/simple_options.hpp"

namespace lensbench::cli {
namespace {

constexpr const char* kHelp = R"(lensbench verify FILE [--expect SHA256]

Recomputes every digest of an archive from its content. A digest stored in the file itself cannot
prove that nobody rewrote both; --expect compares with one kept elsewhere (the .sha256 file beside
the archive, or what the run printed).

Exit code 0: intact and complete. 1: changed, not the expected one, or cases are
missing. 3: not readable as an archive.
)";

}  // namespace

int verify_command(const Arguments& arguments) {
  const SimpleOptions options("verify", arguments, {{"expect", SimpleOptions::one}}, {});
  if (options.flag("help")) {
    std::cout << kHelp;
    return 0;
  }
  const auto& file = options.only_positional("an archive");
  const auto expected = options.text("expect");
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

}  // namespace lensbench::cli
