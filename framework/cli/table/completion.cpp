#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

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
      .examples = {{"eval \"$(lensbench completion bash)\"", "completion in this shell"}}};
}

}  // namespace lensbench::cli
