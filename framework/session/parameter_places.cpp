#include "session/parameter_places.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "bench/input/recorded_files.hpp"
#include "checkpoint/hub_cache.hpp"
#include "core/files/sha256.hpp"
#include "core/parameters/value_check.hpp"
#include "core/text/suggest.hpp"
#include "session/find_model.hpp"
#include "session/parameter_files.hpp"

// The archive is untrusted: its names never lead out of the folder of links, and its places are
// read only to compare what is there with the recorded digests.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using Values = std::map<std::string, std::string>;

/// What one value of a parameter names.
struct NamedThing {
  std::string parameter;
  std::size_t number = 0;         ///< number in a list of models, from 1; 0: not in a list
  bool is_file = false;           ///< a single file, not a folder or a model
  std::string label = {};         ///< name in the recorded request
  fs::path place = {};            ///< recorded place
  std::vector<FileRecord> files;  ///< roles are those within the folder
};

/// Whether a text from an archive may name an entry of a folder.
bool is_plain_name(const fs::path& name) {
  return !name.empty() && name == name.filename() && name != "." && name != "..";
}

/// Number at the beginning of `2 weights`; 0 without one.
std::size_t number_in_list(const std::string& role) {
  const auto digits = role.find_first_not_of("0123456789");
  const bool is_number = digits != std::string::npos && digits > 0 && digits < 7;
  return is_number && role[digits] == ' ' ? std::stoul(role.substr(0, digits)) : 0;
}

/// Things that the values of a parameter name, by the roles of the recorded files.
std::map<std::size_t, NamedThing> things_of(const RecordedRun& recorded,
                                            const std::string& parameter) {
  std::map<std::size_t, NamedThing> things;
  for (FileRecord file : recorded.files) {
    if (!file.role.starts_with(parameter + " ")) continue;
    file.role.erase(0, parameter.size() + 1);
    const std::size_t number = number_in_list(file.role);
    NamedThing& thing = things[number];
    thing.parameter = parameter, thing.number = number;
    thing.is_file = thing.is_file || file.role == "file";
    if (number > 0) file.role.erase(0, file.role.find(' ') + 1);
    thing.files.push_back(std::move(file));
  }
  return things;
}

/// Folder that a value names; nothing if it is not there.
std::optional<fs::path> folder_at(const std::string& value) {
  try {
    return resolve_model_directory(value);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

/// Place of a recorded file in its folder. Tools declare names that may have folders, as in
/// `weights/a.safetensors`; those of models are the names of the files.
fs::path place_in(const fs::path& folder, const FileRecord& file) {
  const fs::path declared(file.role);
  const bool safe =
      declared.is_relative() && std::find(declared.begin(), declared.end(), "..") == declared.end();
  return folder / (safe && declared.filename() == file.name ? declared : fs::path(file.name));
}

bool has_contents(const fs::path& place, const FileRecord& file) {
  std::error_code error;
  return fs::is_regular_file(place, error) && sha256_file(place) == file.sha256;
}

/// Link in the folder of links, in a folder of its own, since two models of a list may have equal
/// names.
std::string linked(const NamedThing& thing, const fs::path& target, const fs::path& name,
                   const fs::path& links) {
  const fs::path link = links / "files" / thing.parameter / std::to_string(thing.number) / name;
  std::error_code error;
  fs::create_directories(link.parent_path());
  fs::create_symlink(fs::canonical(target, error), link);
  return link.string();
}

/// A file under the name that it had; an archive keeps the dataset that is meant, `:results/NAME`.
std::string file_under_recorded_name(const NamedThing& thing, const std::string& value,
                                     const fs::path& links) {
  const NamedFile now = named_file(value);
  const FileRecord& then = thing.files.front();
  if (then.name == now.name || !has_contents(now.path, then)) return value;
  const std::string inside =
      then.name.substr(std::min(then.name.find(":results/"), then.name.size()));
  const fs::path name = then.name.substr(0, then.name.size() - inside.size());
  return is_plain_name(name) ? linked(thing, now.path, name, links) + inside : value;
}

/// A folder under the name that it had, if its files have the recorded contents.
std::string folder_under_recorded_name(const NamedThing& thing, const std::string& value,
                                       const fs::path& links) {
  const auto folder = folder_at(value);
  if (!folder || model_label(value) == thing.label) return value;
  if (!std::all_of(thing.files.begin(), thing.files.end(), [&](const FileRecord& file) {
        return has_contents(place_in(*folder, file), file);
      }))
    return value;
  // The request has the name without unusual characters; the recorded place may have all of them.
  const fs::path full = thing.place.filename();
  const fs::path name = model_label(full.string()) == thing.label ? full : fs::path(thing.label);
  return is_plain_name(name) ? linked(thing, *folder, name, links) : value;
}

[[noreturn]] void throw_missing(const RecordedRun& recorded, const NamedThing& thing,
                                const std::string& place) {
  const std::string of_parameter = " of parameter '" + thing.parameter + "' is not at " + place;
  const std::string option = "; name its place with --file " + thing.parameter + "=";
  if (thing.number > 0)
    throw InputError(recorded.file + ": model " + std::to_string(thing.number) + of_parameter +
                     option + "PATH,PATH with one place for each model of the list");
  throw InputError(recorded.file + (thing.is_file ? ": the file" : ": the folder") + of_parameter +
                   option + "PATH");
}

/// Place of one thing now, under its recorded name. \param given  whether the user named the place
std::string place_now(const RecordedRun& recorded, const NamedThing& thing, std::string value,
                      bool given, const fs::path& links, const Warn& warn) {
  if (value.empty()) return value;
  std::error_code error;
  if (thing.is_file) {
    const fs::path path = named_file(value).path;
    if (!path.empty() && !fs::exists(path, error)) throw_missing(recorded, thing, path.string());
    return file_under_recorded_name(thing, value, links);
  }
  if (!given) {
    const auto found = find_model(thing.files, value);
    if (found && *found != fs::path(value)) {
      warn(thing.parameter + ": not at " + value + " any more; the same files are at " +
           found->string());
      value = found->string();
    }
  }
  if (!folder_at(value)) throw_missing(recorded, thing, value);
  return folder_under_recorded_name(thing, value, links);
}

std::string value_or_empty(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? "" : found->second;
}

}  // namespace

Values parameter_places(const RecordedRun& recorded, const Values& then, const Values& given,
                        const fs::path& links, const Warn& warn) {
  Values values = given;
  values.insert(then.begin(), then.end());
  const auto labels = recorded.request.value("parameters", Values());
  for (const auto& [parameter, label] : labels) {
    if (!is_plain_name(parameter)) continue;
    auto things = things_of(recorded, parameter);
    if (things.empty()) continue;
    const bool is_list = things.begin()->first > 0;
    const auto parts = [&](const std::string& text) {
      return is_list ? split_list(text) : std::vector<std::string>{text};
    };
    auto now = parts(value_or_empty(values, parameter));
    const auto names = parts(label), places = parts(value_or_empty(then, parameter));
    // Another number of models is another request, which the comparison with the recipe reports.
    if (now.size() != things.size() || names.size() != now.size() || places.size() != now.size())
      continue;
    for (std::size_t i = 0; auto& [number, thing] : things) {
      thing.label = names[i], thing.place = places[i];
      now[i] = place_now(recorded, thing, now[i], given.contains(parameter), links, warn);
      ++i;
    }
    values[parameter] = join(now, ",");
  }
  return values;
}

}  // namespace lensbench
