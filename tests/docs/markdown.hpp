#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace lensbench::testing {

/// A fenced block of a document.
struct CodeBlock {
  std::filesystem::path file;
  int line = 0;          ///< number of its first line of text, from 1
  std::string language;  ///< the word after the opening fence
  std::string not_run;   ///< the reason in `<!-- not run: REASON -->` on the line above the fence
  std::string parsed_only;  ///< the reason in `<!-- parsed: REASON -->` there
  std::string run_if;       ///< the shell's condition in `<!-- run if: CONDITION -->` there
  std::string model;        ///< the model in `<!-- run with: MODEL -->` there
  std::string to_file;      ///< the name in `<!-- file: NAME -->` there
  std::string text;         ///< with a newline at the end of each line
  std::string where() const { return file.string() + ":" + std::to_string(line); }
};

struct Document {
  std::filesystem::path file;
  std::vector<CodeBlock> blocks;
  std::vector<int> indented;  ///< lines of blocks that are indented instead of fenced
};

/// Text after `key` in `<!-- key: ... -->`; empty if the line is none.
inline std::string comment(const std::string& line, const std::string& key) {
  const std::string begin = "<!-- " + key + ": ", end = " -->";
  if (!line.starts_with(begin) || !line.ends_with(end)) return "";
  return line.substr(begin.size(), line.size() - begin.size() - end.size());
}

/// The blocks of a Markdown file, in order. \throws std::runtime_error for a fence without an end
inline Document read_document(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error(file.string() + " cannot be read");
  Document document{file, {}, {}};
  CodeBlock* open = nullptr;
  bool in_list = false;
  int number = 0;
  std::string previous;
  for (std::string line; std::getline(stream, line); previous = line) {
    ++number;
    if (line.starts_with("```")) {
      if (open != nullptr) {
        open = nullptr;
        continue;
      }
      document.blocks.push_back({file, number + 1, line.substr(3), comment(previous, "not run"),
                                 comment(previous, "parsed"), comment(previous, "run if"),
                                 comment(previous, "run with"), comment(previous, "file"), ""});
      open = &document.blocks.back();
    } else if (open != nullptr) {
      open->text += line + "\n";
    } else if (line.starts_with("    ")) {
      if (previous.empty() && !in_list) document.indented.push_back(number);
    } else if (!line.empty()) {
      in_list = line.starts_with("- ") || (line[0] >= '0' && line[0] <= '9') || line[0] == ' ';
    }
  }
  if (open != nullptr) throw std::runtime_error(open->where() + ": the block has no end");
  return document;
}

/// README.md and what else a reader is sent to, below the top of a checkout.
inline std::vector<Document> read_documents(const std::filesystem::path& root) {
  std::vector<std::filesystem::path> files = {"README.md", "CONTRIBUTING.md", "SECURITY.md",
                                              "models/README.md", "results/README.md"};
  for (const char* folder : {"docs", "examples"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder))
      if (entry.path().extension() == ".md")
        files.push_back(std::filesystem::relative(entry.path(), root));
  std::sort(files.begin(), files.end());
  std::vector<Document> documents;
  for (const auto& file : files) {
    documents.push_back(read_document(root / file));
    documents.back().file = file;
    for (auto& block : documents.back().blocks) block.file = file;
  }
  return documents;
}

/// A block that begins with an #include is a whole source file; any other C++ block is the inside
/// of a function.
inline bool is_whole_file(const CodeBlock& block) {
  return block.text.starts_with("#include") || block.text.find("\n#include") != std::string::npos;
}

}  // namespace lensbench::testing
