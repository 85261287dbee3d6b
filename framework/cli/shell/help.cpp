#include "cli/shell/help.hpp"

#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"
#include "core/text/suggest.hpp"
#include "report/terminal/terminal.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::cli {
namespace {

constexpr int kColumn = 24;     // column of the meanings
constexpr int kNarrow = 60;     // below this width a meaning starts on its own line
constexpr int kWidest = 100;    // longer lines are hard to read
constexpr int kNarrowest = 40;  // width of the longest word of a usage line

/// Adds a label with its meaning to the right of it, or below it.
void add_entry(std::string& text, const std::string& label, const std::string& meaning, int width) {
  const bool same_line =
      width >= kNarrow && 2 + terminal::display_width(label) + 2 <= kColumn && !meaning.empty();
  const int indent = width >= kNarrow ? kColumn : 6;
  text += "  " + label;
  text +=
      same_line
          ? std::string(static_cast<std::size_t>(kColumn - 2 - terminal::display_width(label)), ' ')
          : "\n" + std::string(static_cast<std::size_t>(indent), ' ');
  bool first = true;
  for (const auto& line : terminal::wrap(meaning, width - indent)) {
    if (!first) text += std::string(static_cast<std::size_t>(indent), ' ');
    text += line + "\n";
    first = false;
  }
}

void add_wrapped(std::string& text, const std::string& paragraph, int width, int indent = 0) {
  for (const auto& line : terminal::wrap(paragraph, width, indent)) text += line + "\n";
}

void add_indented(std::string& text, const std::string& paragraph, int width) {
  for (const auto& line : terminal::wrap(paragraph, width - 6)) text += "      " + line + "\n";
}

/// A paragraph that begins with a blank is a table or a command: it keeps its line breaks.
void add_paragraphs(std::string& text, const std::string& paragraphs, int width) {
  for (const auto& paragraph : split_paragraphs(paragraphs)) {
    text += "\n";
    if (paragraph.starts_with(' '))
      text += paragraph + "\n";
    else
      add_wrapped(text, paragraph, width);
  }
}

/// Commands of examples are never wrapped, so that they can be copied.
void add_examples(std::string& text, const Command& command, int width) {
  if (command.examples.empty()) return;
  text += command.examples.size() == 1 ? "\nExample:\n" : "\nExamples:\n";
  for (const auto& example : command.examples) {
    text += "  " + example.command + "\n";
    add_indented(text, example.meaning, width);
  }
}

/// True if `word` is the first of the two words of the command's name.
bool begins_with_word(const Command& command, const std::string& word) {
  return command.name.starts_with(word + " ");
}

}  // namespace

/// Meaning of the codes for all commands; the manual page has them in more words.
const char* const kExitCodes =
    "Exit codes: 0 done; 1 a check failed (a receipt failed, archives differ); 2 wrong "
    "usage; 3 invalid input; 4 a plug-in is missing or refused; 5 the run failed, "
    "or some of its cases did.";

std::vector<std::string> split_paragraphs(const std::string& text) {
  std::vector<std::string> paragraphs;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find("\n\n", begin), text.size());
    paragraphs.push_back(text.substr(begin, end - begin));
    begin = end + 2;
    auto& last = paragraphs.back();
    // Line breaks in the source of the table are those of its editor; the text is wrapped anew.
    if (!last.starts_with(' ')) std::replace(last.begin(), last.end(), '\n', ' ');
  }
  return paragraphs;
}

std::string operand_names(const Command& command) {
  std::vector<std::string> names;
  for (const auto& operand : command.operands)
    names.push_back((operand.optional ? "[" + operand.name + "]" : operand.name) +
                    (operand.repeats ? "..." : ""));
  return join(names, " ");
}

std::string usage_line(const Command& command) {
  std::string line = "lensbench " + command.name;
  // Alternatives such as one of three sources of prompts are written by hand.
  if (!command.usage.empty()) return line + " " + command.usage;
  // More words than fit into a line of a narrow terminal are in the description alone.
  constexpr std::size_t kMostWords = 32;
  for (const auto& operand : command.operands) {
    const std::string words = join(operand.words, "|");
    line += " " + (operand.optional                             ? "[" + operand.name + "]"
                   : words.empty() || words.size() > kMostWords ? operand.name
                                                                : words);
  }
  // Required options belong in the usage line, since the command fails without them.
  for (const auto& option : command.options)
    if (option.required) line += " " + option_label(option);
  return command.options.empty() ? line : line + " [options]";
}

std::string option_label(const Option& option) {
  const std::string letter = option.letter == '\0' ? "" : std::string("-") + option.letter + ", ";
  return letter + "--" + option.name + (option.is_flag() ? "" : " " + option.argument);
}

std::string option_meaning(const Option& option) {
  std::string meaning = option.help;
  if (!option.words.empty()) meaning += ": " + join(option.words, ", ");
  if (!option.initial.empty()) meaning += " (default: " + option.initial + ")";
  if (option.repeats) meaning += "; may be repeated";
  return meaning;
}

std::string command_help(const Options& options, const EntryHelp& entry, int width) {
  const Command& command = options.command();
  std::string text;
  add_wrapped(text, "usage: " + usage_line(command), width, 7);
  add_paragraphs(text, command.description, width);
  text += entry.text;
  text += "\nOptions:\n";
  for (const auto& option : command.options)
    add_entry(text, option_label(option), option_meaning(option), width);
  add_entry(text, option_label(help_option()), help_option().help, width);
  if (entry.example.empty())
    add_examples(text, command, width);
  else
    text += "\nExample:\n  " + entry.example + "\n";
  return text;
}

std::string family_help(const std::string& word, int width) {
  std::string text;
  for (const auto& command : commands()) {
    if (!begins_with_word(command, word)) continue;
    add_wrapped(text, usage_line(command), width, 4);
    add_indented(text, command.summary, width);
  }
  text += "\n";
  add_wrapped(text, "lensbench " + word + " COMMAND --help lists the options.", width);
  return text;
}

namespace {

/// All commands under the headings of their groups; commands of one group are neighbours in the
/// table.
void add_commands(std::string& text, int width) {
  // A heading is written where the group changes.
  std::string group;
  for (const auto& command : commands()) {
    if (command.group != group) text += "\n" + (group = command.group) + "\n";
    const std::string operands = operand_names(command);
    add_entry(text, command.name + (operands.empty() ? "" : " " + operands), command.summary,
              width);
  }
}

}  // namespace

std::string overview(int width) {
  std::string text;
  add_wrapped(text, "lensbench: look inside a language model, and keep proof of what you saw",
              width);
  text += "\nusage: lensbench COMMAND [ARGUMENTS]\n";
  add_commands(text, width);
  text += "\nMore\n";
  add_entry(text, "COMMAND --help", "options of a command, with an example", width);
  add_entry(text, "tool TOOL --help", "parameters of a tool (likewise run EXPERIMENT --help)",
            width);
  add_entry(text, "--version", "version, commit and compiler", width);
  text +=
      "\nFirst steps, with the embedded model:\n"
      "  lensbench tool logit_lens --model models/kjv-gpt2 \\\n"
      "      --prompt \"And the LORD spake unto Moses,\"\n\n";
  add_wrapped(text, "Data goes to stdout, messages and progress to stderr.", width);
  add_wrapped(text, kExitCodes, width);
  return text;
}

int help_width() {
  return std::clamp(detect_terminal(STDOUT_FILENO).columns, kNarrowest, kWidest);
}

}  // namespace lensbench::cli
