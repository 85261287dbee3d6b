#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

/// The action of `bash` and `zsh` needs this table only; `names` reads plug-ins (see
/// `actions.cpp`).
Command completion_command() {
  return {
      .name = "completion",
      .group = "lensbench itself",
      .summary = "a script that completes commands in bash or zsh",
      .description = R"text(Prints a script with which the shell completes commands, options, their
values, files, and the names and parameters of tools and experiments. Installing lensbench also
installs it where both shells search.

  bash   eval "$(lensbench completion bash)", in ~/.bashrc
  zsh    eval "$(lensbench completion zsh)", in ~/.zshrc after compinit
  names  input of the scripts: kind, name and parameters of each tool and experiment, one per line;
          a parameter with certain words as name:word|word)text",
      .operands = {{"SHELL", "which shell", Values::any, {"bash", "zsh", "names"}}},
      .options = {plugin_dir_option()},
      .examples = {{"eval \"$(lensbench completion bash)\"", "completion in this shell"}}};
}

}  // namespace lensbench::cli
