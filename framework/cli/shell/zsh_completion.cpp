#include <algorithm>

#include "cli/shell/completion.hpp"
#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"
#include "core/text/shell_words.hpp"
#include "core/text/suggest.hpp"

namespace lensbench::cli {
namespace {

/// Functions that the tables call, for tools, experiments and their parameters.
constexpr const char* kZshBefore = R"(#compdef lensbench
# Completion of lensbench for zsh, as `lensbench completion zsh` prints it.

# Tools and experiments, one per line: kind, name, parameters: `name`, `name:word|word`, `name:@file`,
# `name:@directory` or `name:@hooks`; after a comma, as in `name:,word|word`, they are items of a list. Read once
# for each set of folders.
_lensbench_known() {
  local -a where
  local i
  for ((i = 2; i < $#_lensbench_line - 1; ++i)); do
    [[ $_lensbench_line[i] == --plugin-dir ]] && where+=(--plugin-dir ${(Q)~_lensbench_line[i+1]})
  done
  if [[ ${_lensbench_folders-} != "at ${LENSBENCH_PLUGIN_PATH-} $where" ]]; then
    typeset -g _lensbench_folders="at ${LENSBENCH_PLUGIN_PATH-} $where"
    typeset -ga _lensbench_lines
    _lensbench_lines=("${(@f)$(${(Q)~_lensbench_line[1]} completion names $where 2>/dev/null)}")
  fi
}

# Names of one kind, or of every kind.
_lensbench_names() {
  local -a names
  local line
  _lensbench_known
  for line in $_lensbench_lines; do
    [[ -z ${1-} || ${line%% *} == $1 ]] && names+=(${${(s: :)line}[2]})
  done
  _wanted names expl "${1:-name}" compadd -a names
}

# Hook points of the model on the command line. Read once for each model.
_lensbench_hooks() {
  local i model
  for ((i = 2; i <= $#_lensbench_line; ++i)); do
    case $_lensbench_line[i] in
      --model) model=${(Q)~_lensbench_line[i+1]} ;;
      --model=*) model=${(Q)~_lensbench_line[i]#--model=} ;;
    esac
  done
  [[ -n $model ]] || return
  if [[ ${_lensbench_hooks_of-} != $model ]]; then
    typeset -g _lensbench_hooks_of=$model
    typeset -ga _lensbench_hook_names
    local program=${(Q)~_lensbench_line[1]}
    _lensbench_hook_names=("${(@f)$($program list hooks --model $model 2>/dev/null)}")
    _lensbench_hook_names=(${_lensbench_hook_names%% *})
  fi
}

# Parameters of the tool or experiment on the command line, or after `name=` their words or paths.
_lensbench_settings() {
  local -a parameters values
  local line word offers
  _lensbench_known
  for line in $_lensbench_lines; do
    word=${${(s: :)line}[2]}
    (( ${_lensbench_line[(Ie)$word]} )) && parameters+=(${${(s: :)line}[3,-1]})
  done
  if [[ $PREFIX == *=* ]]; then
    word=${PREFIX%%=*}
    compset -P 1 '*='
    offers=${${(M)parameters:#$word:*}[1]#*:}
    [[ $offers == ,* ]] && compset -P '*,'
    offers=${offers#,}
    case $offers in
      @file) _files; return ;;
      @directory) _files -/; return ;;
      @hooks) _lensbench_hooks && values=($_lensbench_hook_names) ;;
      *) values=(${(s:|:)offers}) ;;
    esac
    (( $#values )) || { _message value; return }
    _wanted values expl value compadd -a values
    return
  fi
  parameters=(${parameters%%:*})
  _wanted parameters expl parameter compadd -S= -a parameters
}

)";

/// The function that zsh calls. The last lines serve both ways of loading: as a file in `fpath`,
/// which zsh runs as a function, and by `eval`.
constexpr const char* kZshAfter = R"(
_lensbench() {
  local -a _lensbench_line
  _lensbench_line=("${(@)words}")
  if (( CURRENT == 2 )); then
    local -a first
    first=($_lensbench_first)
    _describe -t commands command first
    return
  fi
  local name=_lensbench_$words[2]
  shift words
  (( CURRENT-- ))
  if (( $+parameters[${name}_parts] )); then
    if (( CURRENT == 2 )); then
      _describe -t commands command ${name}_parts
      return
    fi
    name+=_$words[2]
    shift words
    (( CURRENT-- ))
  fi
  (( $+functions[$name] )) && $name
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _lensbench "$@"
else
  compdef _lensbench lensbench
fi
)";

std::string function_name(const Command& command) {
  std::string name = "_lensbench_" + command.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

/// Text for a specification of _arguments or _describe, with escapes for `:`, `[` and `]`.
std::string plain(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

/// Kinds of values as actions of `_arguments`. A blank before a function keeps zsh from passing it
/// further arguments.
std::string action(Values values, const std::vector<std::string>& words) {
  if (!words.empty()) return "(" + join(words, " ") + ")";
  switch (values) {
    case Values::any:
    case Values::count:
      return " ";
    case Values::file:
      return "_files";
    case Values::directory:
      return "_files -/";
    case Values::archive:
      return "_files -g \"*.h5\"";
    case Values::tool:
      return " _lensbench_names tool";
    case Values::experiment:
      return " _lensbench_names experiment";
    case Values::entry:
      return " _lensbench_names";
    case Values::setting:
      return " _lensbench_settings";
  }
  return " ";
}

std::string zsh_option(const Option& option) {
  const std::string meaning = "[" + plain(option.help) + "]";
  const std::string value =
      option.is_flag() ? ""
                       : ":" + plain(option.argument) + ":" + action(option.values, option.words);
  const std::string name =
      // A star allows the option again.
      (option.repeats ? "*--" : "--") + option.name + (option.is_flag() ? "" : "=");
  std::string lines = "    " + shell_quoted(name + meaning + value) + " \\\n";
  if (option.letter != '\0')
    lines += "    " + shell_quoted(std::string("-") + option.letter + meaning + value) + " \\\n";
  return lines;
}

/// Arguments of `_arguments` for one command: its options, then its operands by number.
std::string zsh_command(const Command& command) {
  std::string text = function_name(command) + "() {\n  _arguments -s \\\n";
  for (const Option& option : command.options) text += zsh_option(option);
  text += zsh_option(help_option());
  for (std::size_t i = 0; i < command.operands.size(); ++i) {
    const Operand& operand = command.operands[i];
    text += "    " +
            shell_quoted(std::to_string(i + 1) + ":" + plain(operand.name) + ":" +
                         action(operand.values, operand.words)) +
            " \\\n";
  }
  // The last line ends without a backslash.
  text.erase(text.size() - 3);
  return text + "\n}\n\n";
}

/// Entry `word:summary` of an array for `_describe`.
std::string described(const std::string& word, const std::string& summary) {
  return "  " + shell_quoted(plain(word) + ":" + plain(summary)) + "\n";
}

}  // namespace

/// One function per command, called by the name that `_lensbench` composes from the words.
std::string zsh_completion(const std::vector<Command>& all) {
  std::string text = kZshBefore;
  for (const Command& command : all) text += zsh_command(command);
  const auto families = family_words(all);
  std::string first;
  for (const Command& command : all)
    if (command.name.find(' ') == std::string::npos)
      first += described(command.name, command.summary);
  // A family such as `model` is offered as one word, its commands after that word.
  for (const auto& word : families) {
    first += described(word, join(parts_of(all, word), ", "));
    text += "typeset -ga _lensbench_" + word + "_parts\n_lensbench_" + word + "_parts=(\n";
    for (const Command& command : all)
      if (command.name.starts_with(word + " "))
        text += described(command.name.substr(word.size() + 1), command.summary);
    text += ")\n";
  }
  return text + "typeset -ga _lensbench_first\n_lensbench_first=(\n" + first + ")\n" + kZshAfter;
}

}  // namespace lensbench::cli
