#include "cli/table/commands.hpp"

namespace lensbench::cli {

/// The exit codes are part of the description, because scripts depend on them.
Command verify_command() {
  return {
      .name = "verify",
      .group = "Archives",
      .summary = "check that an archive is unchanged",
      .description = R"(Recomputes every digest of an archive from its content. A digest stored in
the file itself cannot prove that nobody rewrote both; --expect compares with one kept elsewhere (the
.sha256 file next to the archive, or the output of the run). It takes the digest of the seal, which
covers the whole archive, or that of the results, and says which one it is.

Damage is reported by dataset and case. An interrupted run (FILE is its folder NAME.run, or its
archive that does not exist yet) is incomplete: its cases are checked one by one.

Exit code 0: intact and complete. 1: changed, not the expected one, or incomplete. 3: not readable as
an archive.)",
      .operands = {{"FILE", "an archive", Values::archive}},
      .options = {{.name = "expect",
                   .argument = "SHA256",
                   .help = "digest of the seal or of the results, kept elsewhere"}},
      .examples = {{"lensbench verify results/mine.h5", "recompute every digest"}}};
}

}  // namespace lensbench::cli
