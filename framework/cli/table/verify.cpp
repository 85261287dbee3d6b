#include "cli/table/commands.hpp"

namespace lensbench::cli {

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
      .examples = {{"lensbench verify results/mine.h5", "every digest, from the content"}}};
}

}  // namespace lensbench::cli
