#include "cli/shell/completion.hpp"
#include "cli/table/commands.hpp"
#include "core/text/shell_words.hpp"
#include "core/text/suggest.hpp"

namespace lensbench::cli {
namespace {

constexpr const char* kBashBefore =
    R"(# Completion of lensbench for bash, as `lensbench completion bash` prints it.

)";

// COMP_WORDS breaks words at `=`: `--set top_k=5` is four words, and an offer after a `=` is
// only the value.
constexpr const char* kBashAfter = R"(
# Tools and experiments, one per line: kind, name, parameters: `name`, `name:word|word`, `name:@file`,
# `name:@directory` or `name:@hooks`; after a comma, as in `name:,word|word`, they are items of a list. Read once
# for each set of folders.
_lensbench_known() {
  local program=${COMP_WORDS[0]/#\~/$HOME} folders="${LENSBENCH_PLUGIN_PATH-}" word i
  local -a where=()
  for ((i = 1; i + 1 < ${#COMP_WORDS[@]}; ++i)); do
    word=${COMP_WORDS[i + 1]/#\~/$HOME}
    if [[ ${COMP_WORDS[i]} == --plugin-dir && $i -lt $((COMP_CWORD - 1)) ]]; then
      where+=(--plugin-dir "$word")
    fi
  done
  folders+=" ${where[*]}"
  if [[ ${_lensbench_folders-unset} != "$folders" ]]; then
    _lensbench_folders=$folders
    _lensbench_lines=$("$program" completion names "${where[@]}" 2>/dev/null </dev/null)
  fi
}

# Names of one kind or of every kind; with a name, the parameters of that entry.
_lensbench_names() {
  local kind=${1-} name=${2-} line
  local -a fields
  REPLY=
  _lensbench_known
  while IFS= read -r line; do
    read -ra fields <<<"$line"
    [[ ${#fields[@]} -lt 2 || (-n $kind && ${fields[0]} != "$kind") ]] && continue
    if [[ -z $name ]]; then
      REPLY+="${fields[1]} "
    elif [[ ${fields[1]} == "$name" ]]; then
      REPLY+="${fields[*]:2} "
    fi
  done <<<"$_lensbench_lines"
}

# From the parameters in REPLY what follows: names, or after `name=` the offers of that parameter.
_lensbench_settings() {
  local current=$1 parameter words=
  local -a parameters
  read -ra parameters <<<"$REPLY"
  for parameter in "${parameters[@]}"; do
    if [[ $current != *=* ]]; then
      words+="${parameter%%:*}= "
    elif [[ $parameter == "${current%%=*}:"* ]]; then
      words=${parameter#*:}
    fi
  done
  REPLY=${words//|/ }
  [[ $current == *=* ]] || compopt -o nospace 2>/dev/null
}

# Hook points of the model on the line. Read once for each model.
_lensbench_hooks() {
  local program=${COMP_WORDS[0]/#\~/$HOME} model= name i
  for ((i = 1; i + 1 < ${#COMP_WORDS[@]}; ++i)); do
    [[ ${COMP_WORDS[i]} == --model ]] || continue
    model=${COMP_WORDS[i + 1]}
    [[ $model == = ]] && model=${COMP_WORDS[i + 2]-}
  done
  model=${model/#\~/$HOME}
  REPLY=
  [[ -n $model ]] || return
  if [[ ${_lensbench_hooks_of-} != "$model" ]]; then
    _lensbench_hooks_of=$model _lensbench_hook_names=
    while read -r name _; do
      _lensbench_hook_names+="$name "
    done < <("$program" list hooks --model "$model" 2>/dev/null </dev/null)
  fi
  REPLY=$_lensbench_hook_names
}

# Offers paths. $1: directory, file or archive; $2: their beginning; $3: the items of a list before
_lensbench_paths() {
  local IFS=$'\n'
  # With items before it, the offer is not the name of a file that bash could mark or quote.
  [[ -n ${3-} ]] || compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -d -P "${3-}" -- "$2"))
  [[ $1 == file ]] && COMPREPLY=($(compgen -f -P "${3-}" -- "$2"))
  [[ $1 == archive ]] && COMPREPLY+=($(compgen -f -X '!*.h5' -- "$2"))
}

# Offers completions of the current word. $1: kind of the value; $2: the word; $3: the command;
# $4: its first operand
_lensbench_offer() {
  local kind=$1 current=$2 words before= IFS=$' \t\n'
  case $kind in
    words:*) words=${kind#words:} ;;
    tool | experiment) _lensbench_names "$kind"; words=$REPLY ;;
    entry) _lensbench_names; words=$REPLY ;;
    setting)
      [[ -n $4 ]] || return
      [[ $3 == run || $3 == plan ]] && _lensbench_names experiment "$4" || _lensbench_names tool "$4"
      _lensbench_settings "$current"
      words=$REPLY current=${current#*=}
      if [[ $words == ,* ]]; then
        before=${current%"${current##*,}"} words=${words#,} current=${current##*,}
      fi
      case $words in
        @hooks) _lensbench_hooks; words=$REPLY ;;
        @*) _lensbench_paths "${words#@}" "$current" "$before"; return ;;
      esac ;;
    directory | file | archive)
      _lensbench_paths "$kind" "$current"
      return ;;
    *) return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -P "$before" -- "$current"))
}

_lensbench() {
  local word command= option= kind= current= i operands=0 first= IFS=$' \t\n'
  local -a words=()
  COMPREPLY=()
  # The words up to the current one, with words that were broken at `=` joined again.
  for ((i = 1; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [[ ${#words[@]} -gt 0 && ($word == "=" || ${COMP_WORDS[i - 1]} == "=") ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
  done
  current=${words[${#words[@]} - 1]}

  if [[ ${#words[@]} -le 1 ]]; then
    COMPREPLY=($(compgen -W "$_lensbench_first --help --version" -- "$current"))
    return
  fi
  command=${words[0]} i=1
  if [[ " $_lensbench_families " == *" $command "* ]]; then
    if [[ ${#words[@]} -eq 2 ]]; then
      _lensbench_parts "$command"
      COMPREPLY=($(compgen -W "$REPLY" -- "$current"))
      return
    fi
    command+=" ${words[1]}" i=2
  fi

  # The words before: number of operands, and an option that still needs its value.
  for (( ; i < ${#words[@]} - 1; ++i)); do
    word=${words[i]}
    if [[ -n $option ]]; then
      option=
    elif [[ $word == -* ]]; then
      _lensbench_kind "$command" "$word"
      [[ -n $REPLY ]] && option=$word
    else
      ((operands++))
      [[ $operands -eq 1 ]] && first=$word
    fi
  done
  if [[ -n $option ]]; then
    _lensbench_kind "$command" "$option"
    _lensbench_offer "$REPLY" "$current" "$command" "$first"
  elif [[ $current == --*=* ]]; then
    _lensbench_kind "$command" "${current%%=*}"
    current=${current#*=}
    _lensbench_offer "$REPLY" "$current" "$command" "$first"
  elif [[ $current == -* ]]; then
    _lensbench_options "$command"
    COMPREPLY=($(compgen -W "$REPLY --help" -- "$current"))
  else
    _lensbench_kind "$command" $((operands + 1))
    _lensbench_offer "$REPLY" "$current" "$command" "$first"
  fi
}

complete -F _lensbench lensbench
)";

/// Kinds of values in the words of the script's function `_lensbench_offer`.
const char* kind_of(Values values) {
  switch (values) {
    case Values::any:
    case Values::count:
      return "any";
    case Values::file:
      return "file";
    case Values::directory:
      return "directory";
    case Values::archive:
      return "archive";
    case Values::tool:
      return "tool";
    case Values::experiment:
      return "experiment";
    case Values::entry:
      return "entry";
    case Values::setting:
      return "setting";
  }
  return "any";
}

/// Words of an option are a closed list and take precedence over its kind.
std::string kind_of(Values values, const std::vector<std::string>& words) {
  return words.empty() ? kind_of(values) : "words:" + join(words, " ");
}

/// Shell function that sets REPLY by a `case` over its arguments.
std::string lookup(const std::string& name, const std::string& subject, const std::string& cases) {
  return name + "() {\n  REPLY=\n  case " + subject + " in\n" + cases + "  esac\n}\n";
}

/// Patterns are quoted, since names contain blanks and may contain characters that `case` expands.
std::string one_case(const std::string& pattern, const std::string& reply) {
  return "    " + shell_quoted(pattern) + ") REPLY=" + shell_quoted(reply) + " ;;\n";
}

}  // namespace

/// The script has tables from `all` and fixed functions that read them, so that a new command or
/// option needs no change of the functions.
std::string bash_completion(const std::vector<Command>& all) {
  std::string options, kinds;
  for (const Command& command : all) {
    std::vector<std::string> names;
    for (const Option& option : command.options) {
      names.push_back("--" + option.name);
      if (!option.is_flag())
        // Flags are left out: an option without a kind takes no value.
        kinds += one_case(command.name + " --" + option.name, kind_of(option.values, option.words));
    }
    options += one_case(command.name, join(names, " "));
    // Operands are keys by their number from 1.
    for (std::size_t i = 0; i < command.operands.size(); ++i)
      kinds += one_case(command.name + " " + std::to_string(i + 1),
                        kind_of(command.operands[i].values, command.operands[i].words));
  }
  // Second words of families, such as `info` and `init` after `model`.
  std::string parts;
  for (const auto& word : family_words(all))
    parts += one_case(word, join(parts_of(all, word), " "));
  return kBashBefore + ("_lensbench_first=" + shell_quoted(join(first_words(all), " "))) +
         "\n_lensbench_families=" + shell_quoted(join(family_words(all), " ")) + "\n\n" +
         lookup("_lensbench_parts", "$1", parts) + lookup("_lensbench_options", "$1", options) +
         lookup("_lensbench_kind", "\"$1 $2\"", kinds) + kBashAfter;
}

}  // namespace lensbench::cli
