#include "bench/input/recorded_files.hpp"

#include <system_error>

#include "core/files/sha256.hpp"

namespace lensbench {

namespace fs = std::filesystem;

std::string digest_of_files(FileDigests& digests, const std::map<std::string, fs::path>& files) {
  std::string lines;
  for (const auto& [name, path] : files)
    lines.append(digests.of(path)).append("  ").append(name).append("\n");
  return sha256_hex(lines);
}

std::map<std::string, fs::path> files_of(const Model& model) {
  std::map<std::string, fs::path> files;
  for (const auto& file : model.files()) files.emplace(file.path.filename(), file.path);
  if (const auto tokenizer = model.tokenizer())
    for (const auto& path : tokenizer->files()) files.emplace(path.filename(), path);
  return files;
}

NamedFile named_file(const std::string& text) {
  std::error_code error;
  const bool exists = fs::exists(text, error);
  if (text.empty() || (!exists && text.starts_with("generated:"))) return {};
  const auto colon = exists ? std::string::npos : text.rfind(":results/");
  const fs::path path = text.substr(0, colon);
  const fs::path plain = path.has_filename() ? path : path.parent_path();
  return {path, plain.filename().string() +
                    (colon == std::string::npos ? std::string() : text.substr(colon))};
}

}  // namespace lensbench
