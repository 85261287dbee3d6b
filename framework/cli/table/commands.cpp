#include "cli/table/commands.hpp"

#include <algorithm>

namespace lensbench::cli {

/// The one list of commands: parser, help, completion, manual page and the table of actions follow
/// it. The order is that of the overview, in which commands of one group are neighbours.
const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      run_command(),      tool_command(),       plan_command(),       seal_command(),
      finish_command(),   serve_command(),      grade_command(),      list_command(),
      tokenize_command(), model_info_command(), model_init_command(), plant_command(),
      show_command(),     verify_command(),     replay_command(),     diff_command(),
      versions_command(), export_command(),     report_command(),     plot_command(),
      new_command(),      completion_command(), man_command()};
  return all;
}

std::vector<std::string> first_words(const std::vector<Command>& all) {
  std::vector<std::string> words;
  for (const Command& command : all) {
    auto word = command.name.substr(0, command.name.find(' '));
    if (std::find(words.begin(), words.end(), word) == words.end())
      words.push_back(std::move(word));
  }
  return words;
}

std::vector<std::string> family_words(const std::vector<Command>& all) {
  auto words = first_words(all);
  std::erase_if(words, [&](const auto& word) { return parts_of(all, word).empty(); });
  return words;
}

std::vector<std::string> parts_of(const std::vector<Command>& all, const std::string& word) {
  std::vector<std::string> parts;
  for (const Command& command : all)
    if (command.name.starts_with(word + " ")) parts.push_back(command.name.substr(word.size() + 1));
  return parts;
}

}  // namespace lensbench::cli
