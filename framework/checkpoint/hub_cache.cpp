#include "checkpoint/hub_cache.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <lensbench/error.hpp>
#include <optional>

#include "checkpoint/weights/foreign_weights.hpp"
#include "core/text/printable.hpp"
#include "core/text/shell_words.hpp"

// Search for models in the local cache of the Hugging Face hub. Nothing is downloaded: a name is
// turned into a folder by the rules of the Python package huggingface_hub, and the names are
// checked, since they become parts of paths.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(value);
}

/// The folder by the variables of the environment, in the order in which huggingface_hub reads
/// them.
fs::path hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (const auto path = variable(name)) return *path;
  if (const auto home = variable("HF_HOME")) return *home / "hub";
  if (const auto cache = variable("XDG_CACHE_HOME")) return *cache / "huggingface" / "hub";
  return variable("HOME").value_or("/") / ".cache" / "huggingface" / "hub";
}

/// Whether a text may be a part of a hub name. It cannot lead to another folder, and `--` is what
/// separates the parts in names of folders.
bool is_name_part(std::string_view part) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  return !part.empty() && part.front() != '.' && part.front() != '-' &&
         part.find("..") == std::string_view::npos && part.find("--") == std::string_view::npos &&
         std::all_of(part.begin(), part.end(), allowed);
}

struct HubName {
  std::string repository, revision = "main";
};

/// Parses `name` or `org/name`, with or without `@revision`; empty if the text is not a valid hub
/// name.
std::optional<HubName> parse_hub_name(const std::string& text) {
  HubName name;
  const auto at = text.find('@');
  name.repository = text.substr(0, at);
  if (at != std::string::npos) name.revision = text.substr(at + 1);
  const auto slash = name.repository.find('/');
  const std::string_view whole = name.repository;
  const bool valid = slash == std::string::npos ? is_name_part(whole)
                                                : is_name_part(whole.substr(0, slash)) &&
                                                      is_name_part(whole.substr(slash + 1));
  // A revision may have folders (refs/pr/1), but its path must remain inside refs.
  const auto& revision = name.revision;
  const bool inside = !revision.empty() && revision.front() != '/' &&
                      revision.find("..") == std::string::npos &&
                      revision.find('\0') == std::string::npos;
  if (!valid || !inside) return std::nullopt;
  return name;
}

/// Folder of a repository in the cache: `models--org--name`.
fs::path repository_folder(const HubName& name) {
  std::string folder = "models--" + name.repository;
  if (const auto slash = folder.find('/'); slash != std::string::npos)
    folder.replace(slash, 1, "--");
  return hub_cache() / folder;
}

/// Commit that a branch or tag refers to. The content of the file is checked, because it becomes a
/// part of a path.
std::string commit_of(const fs::path& repository, const std::string& revision) {
  const fs::path reference = repository / "refs" / revision;
  std::error_code error;
  // Opening a named pipe would wait for ever.
  if (!fs::is_regular_file(reference, error)) return revision;
  std::ifstream file(reference);
  std::string commit;
  if (file >> commit && is_name_part(commit)) return commit;
  return revision;  // the revision may be a commit hash
}

std::string fetch_command(const HubName& name) {
  return "hf download " + name.repository +
         (name.revision == "main" ? "" : " --revision " + shell_word(name.revision));
}

[[noreturn]] void throw_not_a_folder(const std::string& path) {
  const std::string explanation = explain_weight_file(path);
  throw InputError(!explanation.empty()
                       ? explanation
                       : printable(path) +
                             ": is a file; expected a Hugging Face model directory with "
                             "config.json and model.safetensors");
}

}  // namespace

fs::path resolve_model_directory(const std::string& path_or_name) {
  std::error_code error;
  // A folder with the name has precedence over the cache.
  if (fs::is_directory(path_or_name, error)) return path_or_name;
  const std::string shown = printable(path_or_name);
  if (fs::exists(path_or_name, error)) throw_not_a_folder(path_or_name);
  const auto name = parse_hub_name(path_or_name);
  if (!name)
    throw InputError(shown +
                     ": model directory not found; give a folder that contains config.json, "
                     "model.safetensors (or its shards) and the tokenizer's files, or a hub name "
                     "such as openai-community/gpt2 that is in the local hub cache");
  // The name is valid, so what is missing is the download.
  const fs::path repository = repository_folder(*name);
  const fs::path snapshot = repository / "snapshots" / commit_of(repository, name->revision);
  if (fs::is_directory(snapshot, error)) return snapshot;
  throw InputError(shown + ": not a directory and not in the local hub cache (" +
                   repository.string() + "); fetch it with `" + fetch_command(*name) + "`");
}

/// All snapshots in the cache, in which `replay` searches for a model by its SHA-256.
std::vector<fs::path> hub_snapshots() {
  std::vector<fs::path> found;
  std::error_code error;
  // A folder that is not a model is skipped by its missing `snapshots`.
  for (fs::directory_iterator model(hub_cache(), error), end; !error && model != end;
       model.increment(error)) {
    std::error_code none;
    for (fs::directory_iterator it(model->path() / "snapshots", none); !none && it != end;
         it.increment(none))
      found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace lensbench
