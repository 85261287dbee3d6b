#include <iostream>

#include "cli/commands.hpp"
#include "cli/parse/options.hpp"
#include "cli/shell/completion.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::cli {
namespace {

int print_names(const Options& options) {
  PluginHost host;
  for (const auto& directory : plugin_directories(options.list("plugin-dir")))
    host.load_directory(directory);
  for (const auto& entry : host.entries()) {
    std::cout << (entry.kind == PluginEntryKind::tool ? "tool " : "experiment ") << entry.name;
    for (const auto& parameter : entry.parameters) std::cout << " " << parameter.name;
    std::cout << "\n";
  }
  return 0;
}

int completion(const Options& options) {
  const auto& what = options.operand(0);
  if (what == "names") return print_names(options);
  std::cout << (what == "bash" ? bash_completion(commands()) : zsh_completion(commands()));
  return 0;
}

}  // namespace

Command completion_command() {
  return {
      .name = "completion",
      .group = "lensbench itself",
      .summary = "a script that completes commands in bash or zsh",
      .description = R"text(Prints a script with which the shell completes commands, options, their
values, files, and the names and parameters of tools and experiments. An installed lensbench has put it
where both shells look.

  bash   eval "$(lensbench completion bash)", in ~/.bashrc
  zsh    eval "$(lensbench completion zsh)", in ~/.zshrc after compinit
  names  what the scripts ask for: kind, name and parameters of what plug-ins offer, a line each)text",
      .operands = {{"SHELL", "which shell", Values::any, {"bash", "zsh", "names"}}},
      .options = {plugin_dir_option()},
      .examples = {{"eval \"$(lensbench completion bash)\"", "completion in this shell"}},
      .run = completion};
}

}  // namespace lensbench::cli
