// usage: write_snippets ROOT OUTPUT
// Writes one C++ file that holds every ```cpp block of the documents below ROOT, so that compiling
// it compiles them. A whole source file becomes a namespace, with its includes before all and the
// one symbol a plug-in exports renamed; any other block becomes the body of a function that is
// given what snippet_scope.hpp says. Blocks that say with which model they run are listed, so that
// run_snippets_test.cpp can call them.

#include <fstream>
#include <iostream>
#include <sstream>

#include "docs/markdown.hpp"

namespace {

using lensbench::testing::CodeBlock;

void write_whole_file(const CodeBlock& block, int number, std::ostream& includes,
                      std::ostream& code) {
  const std::string suffix = std::to_string(number);
  code << "#define lensbench_plugin_factories lensbench_plugin_factories_" << suffix << "\n"
       << "namespace whole_" << suffix << " {\n#line " << block.line << " \"" << block.file.string()
       << "\"\n";
  std::istringstream lines(block.text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#include")) includes << line << "\n";
    code << (line.starts_with("#include") ? "" : line) << "\n";
  }
  code << "}\n#undef lensbench_plugin_factories\n";
}

void write_function(const CodeBlock& block, int number, std::ostream& code) {
  code << "namespace {\n[[maybe_unused]] void snippet_" << number << "(SNIPPET_SCOPE) {\n#line "
       << block.line << " \"" << block.file.string() << "\"\n"
       << block.text << "}\n}\n";
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: write_snippets ROOT OUTPUT\n";
    return 2;
  }
  std::ostringstream includes, code, runnable;
  int number = 0;
  for (const auto& document : lensbench::testing::read_documents(argv[1]))
    for (const auto& block : document.blocks) {
      if (block.language != "cpp") continue;
      ++number;
      if (is_whole_file(block))
        write_whole_file(block, number, includes, code);
      else
        write_function(block, number, code);
      if (!block.model.empty())
        runnable << "    {\"" << block.where() << "\", \"" << block.model << "\", snippet_"
                 << number << "},\n";
    }
  std::ofstream output(argv[2]);
  output << "#include \"docs/snippet_scope.hpp\"\n"
         << includes.str() << "\nextern const int lensbench_docs_snippets = " << number << ";\n"
         << code.str() << "const std::vector<RunnableSnippet> lensbench_docs_runnable = {\n"
         << runnable.str() << "};\n";
  output.close();
  return output ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "write_snippets: " << error.what() << "\n";
  return 1;
}
