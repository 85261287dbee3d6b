#include "cli/table/commands.hpp"

namespace lensbench::cli {
namespace {

/// The words of --kind and --palette are those of `figure::kind_names` and `palette_names`, which
/// need the library; a test compares them.
std::vector<Option> figure_options() {
  return {
      {.name = "out",
       .argument = "FIGURE",
       .help = "file to write: .svg, .png or .pdf",
       .values = Values::file,
       .required = true,
       .letter = 'o'},
      {.name = "case",
       .argument = "ID",
       .help = "draw the case with this id (default: the first complete one)"},
      {.name = "kind",
       .argument = "KIND",
       .help = "kind of picture",
       .words = {"heatmap", "line", "lines", "bars", "tokens", "attention", "points", "patches"}},
      {.name = "layers", .argument = "A:B", .help = "layers or blocks A to B, both included"},
      {.name = "tokens",
       .argument = "A:B",
       .help = "tokens at positions A to B, both included; a list: 2,5:7"},
      {.name = "at",
       .argument = "DIM=LABEL",
       .help = "draw what the variable has at a label of a dimension, as in head=3",
       .repeats = true},
      {.name = "against",
       .argument = "FILE",
       .help = "subtract the variable of another archive, where all labels are equal",
       .values = Values::archive},
      {.name = "picture",
       .argument = "",
       .help =
           "draw the picture of the case too, alone and below the values of its rectangles: from "
           "the archive if it keeps it, else from where the run read it"},
      {.name = "images",
       .argument = "FOLDER",
       .help = "folder that has the picture now, for --picture",
       .values = Values::directory},
      {.name = "width",
       .argument = "LENGTH",
       .help = "width, with mm, cm, in or pt",
       .initial = "85mm"},
      {.name = "height",
       .argument = "LENGTH",
       .help = "height, or auto: by the content",
       .initial = "auto"},
      {.name = "palette",
       .argument = "NAME",
       .help = "colours (default: viridis; purple-orange for values on both sides of zero)",
       .words = {"viridis", "cividis", "purple-orange", "viridis-reversed", "cividis-reversed",
                 "purple-orange-reversed"}},
      {.name = "range",
       .argument = "LO:HI",
       .help = "ends of the scale of the values (default: those of the values)"},
      {.name = "log", .argument = "", .help = "logarithmic scale of the values"},
      {.name = "font",
       .argument = "NAME",
       .help = "family of the texts (default: Helvetica, Arial or what resembles them)"},
      {.name = "dpi",
       .argument = "N",
       .help = "pixels per inch of a .png",
       .values = Values::count,
       .initial = "300"},
      {.name = "no-title", .argument = "", .help = "leave title and case out"},
      {.name = "cells",
       .argument = "WHAT",
       .help = "what the cells of a heatmap contain: the most probable token, the value, or "
               "nothing (default: tokens where they fit)",
       .words = {"text", "number", "none"}},
      {.name = "force", .argument = "", .help = "overwrite an existing file"}};
}

}  // namespace

Command plot_command() {
  return {
      .name = "plot",
      .group = "Archives",
      .summary = "one variable as a figure (svg, png, pdf)",
      .usage = "FILE DATASET/VARIABLE -o FIGURE [options]",
      .description = R"(Draws one variable of an archive as a figure for a paper. `lensbench show
FILE --facts` lists the variables. An existing file is not overwritten without --force.

What is drawn follows from the dimensions of the variable, unless --kind says otherwise:

  layer or block with token, head, component      heatmap, lines
  query and key position                          attention, a map for each head
  layer                                           line
  component, case, head                           bars
  token                                           tokens: the text on colours; bars
  with intervals                                  points with whiskers
  scores of graded tools                          points, the best first, with bands of controls

Texts are 7 pt whatever the size of the figure; 85 mm is one column of a page, 170 mm the whole
page. The archive is verified first. The description in the file names dataset, case, digest and
command.)",
      .operands = {{"FILE", "an archive", Values::archive},
                   {"DATASET/VARIABLE", "a variable of a result"}},
      .options = figure_options(),
      .examples = {
          {"lensbench plot results/mine.h5 lens/target_probability -o lens.svg",
           "layers and tokens of the first case"},
          {"lensbench plot results/mine.h5 lens/entropy --case prompt-2 --width 170mm -o wide.svg",
           "another case, as wide as a page"},
          {"lensbench plot results/mine.h5 lens/entropy --kind lines --tokens 2:5 -o lines.pdf",
           "a line for each of four tokens"},
          {"lensbench plot results/mine.h5 trajectory/entropy_mean -o mean.svg",
           "means with their intervals"}}};
}

}  // namespace lensbench::cli
