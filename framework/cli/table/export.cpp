#include "cli/table/commands.hpp"

namespace lensbench::cli {

/// Formats and their conditions; `run_export` checks those between options.
Command export_command() {
  return {
      .name = "export",
      .group = "Archives",
      .summary = "a variable as json, csv, npz or safetensors",
      .description = R"(Writes one dataset of an archive, or one variable of it, for other programs.
`lensbench show FILE` lists the datasets. An existing --out is not overwritten.

  json   with dimensions, coordinates, units
  csv    one variable as a tidy table: one line per element, one column per coordinate
  npz    for numpy.load: the variable and its coordinates; needs --out
  safetensors   tensors by name, for PyTorch and others: the variable and its coordinates, texts
         and names of dimensions as metadata; needs --out)",
      .operands = {{"FILE", "an archive", Values::archive},
                   {"RESULTS[/VARIABLE]", "a dataset, or one of its variables"}},
      .options = {{.name = "format",
                   .argument = "FORMAT",
                   .help = "format to write",
                   .words = {"json", "csv", "npz", "safetensors"},
                   .initial = "json"},
                  {.name = "out",
                   .argument = "FILE",
                   .help = "file to write (default: standard output)",
                   .values = Values::file}},
      .examples = {{"lensbench export results/mine.h5 lens/entropy --format csv > entropy.csv",
                    "one variable as a table"}}};
}

}  // namespace lensbench::cli
