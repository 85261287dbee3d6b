#include "cli/table/commands.hpp"

namespace lensbench::cli {

/// Sizes and numbers of cases are parsed by `run_report`.
Command report_command() {
  return {
      .name = "report",
      .group = "Archives",
      .summary = "an HTML page of an archive, or of two compared",
      .description =
          R"(Writes one HTML file that shows an archive in a browser: cases, receipts, the
results as linked views, and the provenance. The page holds its data, opens from disk without a
network, and shows facts, receipts and tables without JavaScript too. With a second archive, the page
compares both: differences of the requests, then a verdict for each variable.

The digests are verified first; a damaged archive gives no page. Of a run that still goes on, or was
interrupted, give the folder NAME.run: the page has what is saved so far.

The page is written to the folder of the archive (mine.h5 gives mine.html). The same archive, version and
options give the same bytes. It has the data of at most 12 cases where none are named (failed ones, the
highest and the lowest mean surprisal, then the first); the table has all cases. What does not fit
into --max-bytes is left out in this order: attention and activations; ranks beyond the first; metrics
other than probability, entropy and rank; cases. The page says what it left out, with the command
that shows it.)",
      .operands = {{"FILE", "an archive, or the folder of a run", Values::archive},
                   {.name = "B",
                    .what = "an archive to compare with",
                    .values = Values::archive,
                    .optional = true}},
      .options = {{.name = "out",
                   .argument = "PAGE.html",
                   .help = "file to write (default: the name of the archive with .html)",
                   .values = Values::file,
                   .letter = 'o'},
                  {.name = "case",
                   .argument = "ID|N|A:B",
                   .help = "embed this case: its id, its number from 0, or the cases from number "
                           "A to before number B",
                   .repeats = true},
                  {.name = "max-bytes",
                   .argument = "SIZE",
                   .help = "largest size of the page: bytes, or with K, M or G",
                   .initial = "2M"},
                  {.name = "top-k",
                   .argument = "N",
                   .help = "most probable tokens to embed for each layer and token",
                   .values = Values::count,
                   .initial = "5"},
                  {.name = "images",
                   .argument = "FOLDER",
                   .help = "folder that has the pictures of the cases (default: where the run read "
                           "them)",
                   .values = Values::directory},
                  {.name = "title", .argument = "TEXT", .help = "title (default: of the archive)"},
                  {.name = "force", .argument = "", .help = "overwrite an existing page"}},
      .examples = {{"lensbench report results/mine.h5", "results/mine.html, to open in a browser"},
                   {"lensbench report results/mine.h5 --case prompt-7 --case 0:3 -o page.html",
                    "with the data of these cases"},
                   {"lensbench report results/a.h5 results/b.h5 --max-bytes 5M",
                    "a comparison, with more data"}}};
}

}  // namespace lensbench::cli
