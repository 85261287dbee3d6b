#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/table/command.hpp"

namespace lensbench::testing {

/// A command of a test's own table.
inline cli::Command made_command(std::string name, std::vector<cli::Operand> operands = {},
                                 std::vector<cli::Option> options = {}) {
  cli::Command command;
  command.name = std::move(name);
  command.operands = std::move(operands);
  command.options = std::move(options);
  return command;
}

}  // namespace lensbench::testing
