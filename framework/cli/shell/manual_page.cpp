#include "cli/parse/options.hpp"
#include "cli/shell/describe.hpp"
#include "cli/shell/help.hpp"
#include "cli/table/commands.hpp"
#include "core/text/suggest.hpp"
#include "core/version.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::cli {
namespace {

/// Without escapes, troff prints a hyphen, curved quotes and accents, which fail when a command is
/// copied from the page.
std::string escaped(char c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '~':
      return "\\(ti";
    case '^':
      return "\\(ha";
    default:
      return {c};
  }
}

/// Text escaped so that troff prints it unchanged.
std::string escaped(const std::string& text) {
  std::string result;
  bool line_begins = true;
  for (const char c : text) {
    // A period or an apostrophe at the start of a line would be a request; `\&` prints nothing.
    if (line_begins && (c == '.' || c == '\'')) result += "\\&";
    line_begins = c == '\n';
    result += escaped(c);
  }
  return result;
}

/// Escaped text, wrapped for readers of the source.
std::string filled(const std::string& text) {
  return escaped(join(terminal::wrap(text, 70), "\n")) + "\n";
}

/// An argument of a macro.
std::string argument(const std::string& text) {
  std::string result = "\"";
  for (const char c : escaped(text)) result += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return result + "\"";
}

/// .EX and .EE keep line breaks for tables and commands.
std::string paragraphs(const std::string& text) {
  std::string page;
  for (const auto& paragraph : split_paragraphs(text)) {
    if (!page.empty()) page += ".PP\n";
    page +=
        paragraph.starts_with(' ') ? ".EX\n" + escaped(paragraph) + "\n.EE\n" : filled(paragraph);
  }
  return page;
}

std::string option_entry(const Option& option) {
  return ".TP\n.B " + argument(option_label(option)) + "\n" + filled(option_meaning(option));
}

std::string command_section(const Command& command) {
  std::string page =
      ".SS " + argument(usage_line(command)) + "\n" +
      paragraphs(command.description.empty() ? command.summary : command.description);
  for (const Option& option : command.options) page += option_entry(option);
  for (const Example& example : command.examples)
    page += ".PP\n" + filled("Example: " + example.meaning) + ".PP\n.EX\n" +
            escaped("    " + example.command) + "\n.EE\n";
  return page;
}

struct Fact {
  const char *name, *meaning;
};

/// Facts that the table of commands does not have.
constexpr Fact kVariables[] = {
    {"LENSBENCH_PLUGIN_PATH",
     "Folders with plug-ins, absolute, separated by colons; searched after --plugin-dir and before "
     "the installed ones."},
    {"HF_HOME, HF_HUB_CACHE", "Folder of the local hub cache, for models given by their hub name."},
    {"COLUMNS, NO_COLOR, TERM, LC_ALL, LC_CTYPE, LANG",
     "Width of the output, and whether it has colours and characters beyond ASCII."}};

constexpr Fact kFiles[] = {
    {"results/NAME.h5", "An archive; NAME.h5.sha256 next to it holds its digests."},
    {"results/NAME.run/", "An unfinished run, which --resume continues."}};

constexpr Fact kCodes[] = {
    {"0", "Done."},
    {"1",
     "A check failed: a receipt failed, archives differ, a digest is not the "
     "expected one."},
    {"2", "Wrong usage."},
    {"3", "Input that cannot be read or is invalid."},
    {"4", "A plug-in could not be loaded, or a declared tool is missing."},
    {"5", "The run itself failed."}};

template <std::size_t N>
std::string table(const char* heading, const Fact (&facts)[N]) {
  std::string page = std::string(".SH ") + heading + "\n";
  for (const Fact& fact : facts)
    page += ".TP\n.B " + argument(fact.name) + "\n" + filled(fact.meaning);
  return page;
}

}  // namespace

/// The page lacks a date, so that the same version always gives the same bytes.
std::string manual_page() {
  std::string page = ".TH LENSBENCH 1 \"\" " + argument("lensbench " + build_info().version) +
                     " \"User Commands\"\n"
                     ".SH NAME\nlensbench \\- look inside a language model, and keep proof of what "
                     "was seen\n"
                     ".SH SYNOPSIS\n.B lensbench\n.I COMMAND\n.RI [ ARGUMENTS ]\n"
                     ".SH DESCRIPTION\n";
  page += paragraphs(
      "lensbench opens Hugging Face checkpoints, runs interpretability tools on them, which are "
      "plug-ins, and saves every result to an HDF5 archive that records the request, the hashes of "
      "all files, "
      "and the results of checks.\n\n"
      "Data goes to standard output, messages and progress to standard error. Every command has "
      "--help; "
      "lensbench tool TOOL --help and lensbench run EXPERIMENT --help list parameters.");
  page += ".SH COMMANDS\n";
  for (const Command& command : commands()) page += command_section(command);
  page += table("EXIT STATUS", kCodes) + table("ENVIRONMENT", kVariables) + table("FILES", kFiles);
  return page + ".SH SEE ALSO\n.BR h5dump (1)\n";
}

}  // namespace lensbench::cli
