#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "docs/result_tables.hpp"

// Writes the tables of results in docs/tools from the schemas of the tools. Run it in the root of
// the checkout after a change of a schema:
//   build/release/bin/lensbench list tools --json | build/release/bin/write_result_tables .

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: lensbench list tools --json | write_result_tables CHECKOUT\n";
    return 2;
  }
  const auto tools = nlohmann::json::parse(std::cin, nullptr, false);
  if (tools.is_discarded()) {
    std::cerr << "write_result_tables: standard input is not JSON; pipe the output of "
                 "lensbench list tools --json\n";
    return 3;
  }
  for (const auto& tool : tools) {
    const auto file = std::filesystem::path(argv[1]) / "docs" / "tools" /
                      (tool["name"].get<std::string>() + ".md");
    std::ifstream in(file);
    if (!in) continue;
    std::stringstream text;
    text << in.rdbuf();
    const auto changed = lensbench::testing::with_result_table(text.str(), tool);
    if (!changed) {
      std::cerr << file.string() << ": the marks of its table of results are missing\n";
      return 3;
    }
    std::ofstream(file) << *changed;
  }
  return 0;
}
