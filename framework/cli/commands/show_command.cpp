#include <iostream>
#include <nlohmann/json.hpp>

#include "archive/sandbox/guard.hpp"
#include "cli/commands/actions.hpp"
#include "cli/parse/options.hpp"
#include "report/summary/show.hpp"

namespace lensbench::cli {
namespace {}  // namespace

int run_show(const Options& options) {
  const auto& file = options.operand(0);
  return in_child({{file}}, [&] {
    if (options.flag("json"))
      std::cout << describe_archive_json(file).dump(1) << "\n";
    else
      std::cout << describe_archive(file);
    return 0;
  });
}

}  // namespace lensbench::cli
