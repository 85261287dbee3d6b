#include "cli/simple_options.hpp"

#include <boost/program_options.hpp>
#include <lensbench/error.hpp>

#include "core/suggest.hpp"

namespace lensbench::cli {

namespace po = boost::program_options;
using Strings = std::vector<std::string>;

SimpleOptions::SimpleOptions(const std::string& command, const Strings& arguments,
                             const std::vector<std::pair<std::string, Count>>& valued,
                             const Strings& flags)
    : command_(command) {
  po::options_description options;
  Strings names = {"help"};
  options.add_options()("help,h", po::bool_switch())("free", po::value<Strings>());
  for (const auto& flag : flags) {
    options.add_options()(flag.c_str(), po::bool_switch());
    names.push_back(flag);
  }
  for (const auto& [name, count] : valued) {
    options.add_options()(name.c_str(), po::value<Strings>());
    names.push_back(name);
  }
  po::positional_options_description positional;
  positional.add("free", -1);
  const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  po::variables_map parsed;
  try {
    po::store(po::command_line_parser(arguments)
                  .options(options)
                  .positional(positional)
                  .style(style)
                  .run(),
              parsed);
  } catch (const po::unknown_option& error) {
    auto name = error.get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    throw UsageError(command + ": unknown option '--" + name + "'" + suggest(name, names));
  } catch (const po::error& error) {
    throw UsageError(command + ": " + error.what());
  }
  flags_["help"] = parsed["help"].as<bool>();
  for (const auto& flag : flags) flags_[flag] = parsed[flag].as<bool>();
  for (const auto& [name, count] : valued) {
    auto& values = values_[name];
    if (parsed.count(name) != 0) values = parsed[name].as<Strings>();
    if (count == one && values.size() > 1)
      throw UsageError(command + ": --" + name + " is given twice");
  }
  if (parsed.count("free") != 0) positional_ = parsed["free"].as<Strings>();
}

std::string SimpleOptions::text(const std::string& name) const {
  const auto& values = values_.at(name);
  return values.empty() ? "" : values.front();
}

const std::string& SimpleOptions::only_positional(const std::string& expected) const {
  if (positional_.size() != 1)
    throw UsageError(command_ + ": expected one argument (" + expected + "), got " +
                     std::to_string(positional_.size()) + "; see lensbench " + command_ +
                     " --help");
  return positional_.front();
}

}  // namespace lensbench::cli
