#include "cli/parse/options.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <lensbench/error.hpp>
#include <set>

#include "cli/shell/help.hpp"
#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"
#include "core/text/boolean.hpp"
#include "core/text/suggest.hpp"

namespace lensbench::cli {
namespace {

namespace po = boost::program_options;
using Strings = std::vector<std::string>;

constexpr const char* kFree = "lensbench free words";  // cannot be the name of an option

Strings option_names(const Command& command) {
  Strings names = {"help"};
  for (const auto& option : command.options) names.push_back(option.name);
  return names;
}

const Option* find_option(const Command& command, const std::string& name) {
  const auto found = std::find_if(command.options.begin(), command.options.end(),
                                  [&](const Option& option) { return option.name == name; });
  return found == command.options.end() ? nullptr : &*found;
}

/// Values are lists in any case: `parse` refuses repeated options itself, with a message of this
/// program.
void add_option(po::options_description& options, const Option& option) {
  const std::string name = option.letter == '\0' ? option.name : option.name + "," + option.letter;
  if (option.is_flag())
    options.add_options()(name.c_str(), po::bool_switch());
  else
    options.add_options()(name.c_str(), po::value<Strings>());
}

std::optional<std::uint64_t> parse_count(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Error in a value; empty if it is valid.
std::string problem_of(const Option& option, const std::string& value) {
  if (!option.words.empty() &&
      std::find(option.words.begin(), option.words.end(), value) == option.words.end())
    return "'" + value + "' is unknown; expected " + join(option.words, ", ");
  if (option.values == Values::count && !parse_count(value))
    return "'" + value + "' is not a whole number from 0 to 2^64 - 1";
  return "";
}

// Refuses an option as the value of another, which Boost would accept: `--prompt --quiet`.
void refuse_swallowed_option(const Command& command, const po::parsed_options& parsed) {
  for (const auto& option : parsed.options) {
    if (option.original_tokens.size() != 2 || option.string_key == kFree) continue;
    const std::string& value = option.original_tokens[1];
    const auto name = value.starts_with("--") ? value.substr(2, value.find('=') - 2) : "";
    if (name == "help" || find_option(command, name) != nullptr)
      throw UsageError(command.name + ": --" + option.string_key + " needs a value before " +
                       value + "; if that is the value, write --" + option.string_key + "=" +
                       value);
  }
}

po::variables_map parse_with_boost(const Command& command, const Arguments& arguments) {
  po::options_description options;
  add_option(options, help_option());
  for (const auto& option : command.options) add_option(options, option);
  // Free words are collected under a name that no option can have.
  options.add_options()(kFree, po::value<Strings>());
  po::positional_options_description positional;
  positional.add(kFree, -1);
  // Long options may not be abbreviated, since a new option could change the meaning of a script.
  const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  const auto parsed =
      po::command_line_parser(arguments).options(options).positional(positional).style(style).run();
  refuse_swallowed_option(command, parsed);
  po::variables_map values;
  po::store(parsed, values);
  return values;
}

std::string without_dashes(std::string name) {
  name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
  return name;
}

}  // namespace

Options::Options(const Command& command, const Arguments& arguments)
    : command_(command), arguments_(arguments) {
  parse();
  // Help must work with missing operands and with a config file that is not there.
  if (flags_.at("help")) return;
  if (const auto file = values_.find("config");
      file != values_.end() && !file->second.empty() && find_option(command_, "set") != nullptr)
    add_config(file->second.front());
  check();
}

namespace {

[[noreturn]] void fail_command(const Command& command, const std::string& problem) {
  throw UsageError(command.name + ": " + problem + " (see lensbench " + command.name + " --help)");
}

}  // namespace

void Options::fail(const std::string& problem) const {
  fail_command(command_, problem);
}

namespace {

po::variables_map parsed_arguments(const Command& command, const Arguments& arguments) {
  try {
    return parse_with_boost(command, arguments);
  } catch (const po::unknown_option& error) {
    const auto name = without_dashes(error.get_option_name());
    fail_command(command, "unknown option '--" + name + "'" + suggest(name, option_names(command)));
  } catch (const po::invalid_command_line_syntax& error) {
    const auto name = without_dashes(error.get_option_name());
    // The message covers a value that begins with a dash, which Boost takes for an option.
    if (error.kind() == po::invalid_syntax::missing_parameter)
      fail_command(command, "--" + name +
                                " needs a value; write one that begins with a dash as --" + name +
                                "=VALUE");
    if (error.kind() == po::invalid_syntax::extra_parameter)
      fail_command(command, "--" + name + " takes no value");
    fail_command(command, error.what());
  } catch (const po::error& error) {
    fail_command(command, error.what());
  }
}

}  // namespace

void Options::check_settings() const {
  const auto set = values_.find("set");
  if (set == values_.end()) return;
  std::set<std::string> keys;
  for (const auto& assignment : set->second) {
    const std::string key = assignment.substr(0, assignment.find('='));
    if (!keys.insert(key).second) fail("--set " + key + " is given twice");
  }
}

void Options::parse() {
  const po::variables_map parsed = parsed_arguments(command_, arguments_);
  flags_["help"] = parsed["help"].as<bool>();
  for (const auto& option : command_.options) {
    if (option.is_flag()) {
      flags_[option.name] = parsed[option.name].as<bool>();
      continue;
    }
    // Initial values are kept apart, so that `given` and the config file see what was really set.
    initial_[option.name] = option.initial;
    auto& values = values_[option.name];
    if (parsed.count(option.name) != 0) values = parsed[option.name].as<Strings>();
    // Which of two values counts would be a guess.
    if (!option.repeats && values.size() > 1) fail("--" + option.name + " is given twice");
    for (const auto& value : values)
      if (const auto problem = problem_of(option, value); !problem.empty())
        fail("--" + option.name + " " + problem);
  }
  check_settings();
  if (parsed.count(kFree) != 0) operands_ = parsed[kFree].as<Strings>();
}

// Adds options from the config file; those of the command line win, for each parameter separately.
void Options::add_config(const std::string& path) {
  config_ = read_config_file(path);
  std::map<std::string, std::vector<std::string>> found;
  std::vector<std::string> settings;
  std::set<std::string> set_keys;
  for (const auto& entry : config_->entries) {
    const std::string where = config_->where(entry) + ": ";
    if (entry.key.starts_with("set.")) {
      const std::string key = entry.key.substr(4);
      if (!set_keys.insert(key).second) throw InputError(where + "'" + key + "' is given twice");
      settings.push_back(key + "=" + entry.value);
      continue;
    }
    const Option* option = find_option(command_, entry.key);
    // A config file cannot name another one, and parameters have their own section.
    if (option == nullptr || entry.key == "config" || entry.key == "set")
      throw InputError(where + "unknown key '" + entry.key + "'" +
                       suggest(entry.key, option_names(command_)) +
                       " Keys are options; parameters belong in section [set]");
    if (option->is_flag()) {
      const auto on = parse_boolean(entry.value);
      if (!on)
        throw InputError(where + "'" + entry.key + "' is '" + entry.value +
                         "', expected true or false");
      // A flag of the command line cannot be taken back by the file.
      flags_[entry.key] = flags_[entry.key] || *on;
      continue;
    }
    auto& values = found[entry.key];
    values.push_back(entry.value);
    if (!option->repeats && values.size() > 1)
      throw InputError(where + "'" + entry.key + "' is given twice");
    if (const auto problem = problem_of(*option, entry.value); !problem.empty())
      throw InputError(where + entry.key + " " + problem);
  }
  // A list of the command line replaces that of the file; the two are not joined.
  for (auto& [name, values] : found)
    if (values_[name].empty()) values_[name] = std::move(values);
  auto& set = values_["set"];
  // Settings of the file come first: of two for one key, the last one wins.
  set.insert(set.begin(), settings.begin(), settings.end());
}

namespace {

void check_words(const Command& command, const std::vector<std::string>& operands) {
  const auto& expected = command.operands;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& words = expected[i].words;
    if (i < operands.size() && !words.empty() &&
        std::find(words.begin(), words.end(), operands[i]) == words.end())
      throw UsageError(command.name + ": unknown " + expected[i].name + " '" + operands[i] + "'" +
                       suggest(operands[i], words));
  }
}

}  // namespace

/// Operands and required options, which the config file may have supplied.
void Options::check() const {
  const auto& expected = command_.operands;
  for (std::size_t i = operands_.size(); i < expected.size() && !expected[i].optional; ++i)
    throw UsageError(command_.name + ": " + expected[i].name + " is missing, " + expected[i].what +
                     "; usage: " + usage_line(command_));
  // The usual mistake is a text of several words without quotes, which the message names.
  const bool repeats = !expected.empty() && expected.back().repeats;
  if (operands_.size() > expected.size() && !repeats)
    fail("unexpected argument '" + operands_[expected.size()] + "' " +
         (expected.empty()
              ? "(the command takes only options)"
              : "after " + expected.back().name + " '" + operands_[expected.size() - 1] + "'") +
         (find_option(command_, "prompt") == nullptr
              ? ""
              : "; quote a text of several words, as in --prompt \"two words\""));
  check_words(command_, operands_);
  for (const auto& option : command_.options)
    if (option.required && values_.at(option.name).empty())
      fail("--" + option.name + " " + option.argument + " is missing, the " + option.help);
}

const std::string& Options::text(const std::string& name) const {
  const auto& values = values_.at(name);
  return values.empty() ? initial_.at(name) : values.front();
}

/// The text was checked by `problem_of`; an option without a value counts as 0.
std::uint64_t Options::count(const std::string& name) const {
  return parse_count(text(name)).value_or(0);
}

const std::string& Options::operand(std::size_t position) const {
  static const std::string none;
  return position < operands_.size() ? operands_[position] : none;
}

}  // namespace lensbench::cli
