#include <algorithm>
#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/diff.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands/actions.hpp"
#include "cli/parse/options.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Archive {
  std::string started;
  ArchiveReader reader;
};

Archive opened(const fs::path& file) {
  ArchiveReader reader(file);
  std::string started = reader.run().value("started", std::string());
  return {std::move(started), std::move(reader)};
}

/// Changes, one line for each; a change of the source is one line, since archives hold its text.
std::vector<std::string> changes(const Archive& before, const Archive& now) {
  std::vector<std::string> lines;
  for (const FactDifference& fact : diff_recipe(before.reader, now.reader))
    lines.push_back(fact.where == "source"
                        ? "the source of the experiment"
                        : fact.where + ": " + (fact.first.empty() ? "none" : fact.first) + " -> " +
                              (fact.second.empty() ? "none" : fact.second));
  return lines;
}

/// Facts of one archive, with the changes since the one before it in time.
json describe_one(const Archive& archive, const Archive* before) {
  return {{"file", archive.reader.path().string()},
          {"started", archive.started},
          {"version", archive.reader.attribute("experiment_version")},
          {"cases", archive.reader.cases().size()},
          {"complete", archive.reader.complete()},
          {"results_sha256", archive.reader.attribute("results_sha256")},
          {"recipe_sha256", archive.reader.attribute("recipe_sha256")},
          {"changes", before == nullptr ? std::vector<std::string>() : changes(*before, archive)}};
}

/// Oldest first; changes are between the two runs that they separate.
void print(const json& list) {
  constexpr std::size_t kDigits = 16, kMost = 12;
  for (const json& one : list) {
    std::size_t count = 0;
    for (const auto& change : one["changes"])
      if (++count <= kMost) std::cout << "      " << change.get<std::string>() << "\n";
    if (count > kMost) std::cout << "      and " << count - kMost << " more\n";
    std::cout << one["started"].get<std::string>() << "  results "
              << one["results_sha256"].get<std::string>().substr(0, kDigits) << "  version "
              << one["version"].get<std::string>() << "  " << one["cases"] << " cases"
              << (one["complete"].get<bool>() ? "" : ", INCOMPLETE") << "  "
              << one["file"].get<std::string>() << "\n";
  }
}

/// Contents of one archive, read once, in a child process that a hostile file may end.
std::string experiment_of(const fs::path& file) {
  return ask_child({{file}}, [&] {
    const Archive archive = opened(file);
    // Reads everything that the list needs: a damaged file ends this child, not the one that lists.
    describe_one(archive, &archive);
    return archive.reader.attribute("experiment");
  });
}

/// Archives of an experiment in a folder; files that cannot be read are named and left out.
std::vector<fs::path> files_of(const fs::path& directory, const std::string& experiment) {
  if (!fs::is_directory(directory))
    throw InputError(directory.string() +
                     ": the folder does not exist; name that of the archives with --dir");
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() != ".h5") continue;
    try {
      if (experiment_of(entry.path()) == experiment) found.push_back(entry.path());
    } catch (const InputError& error) {
      std::cerr << "lensbench: left out: " << error.what() << "\n";
    }
  }
  return found;
}

int list_versions(const std::vector<fs::path>& files, bool as_json) {
  std::vector<Archive> archives;
  for (const fs::path& file : files) archives.push_back(opened(file));
  // Times are UTC in ISO 8601, whose order as texts is that in time; the path decides between equal
  // ones.
  std::sort(archives.begin(), archives.end(), [](const Archive& a, const Archive& b) {
    return std::pair(a.started, a.reader.path()) < std::pair(b.started, b.reader.path());
  });
  json list = json::array();
  for (std::size_t i = 0; i < archives.size(); ++i)
    list.push_back(describe_one(archives[i], i == 0 ? nullptr : &archives[i - 1]));
  if (as_json)
    std::cout << list.dump(1) << "\n";
  else
    print(list);
  return list.empty() ? 1 : 0;
}

}  // namespace

/// Runs of one experiment in the order of time, each with what changed since the one before it.
int run_versions(const Options& options) {
  const std::string &experiment = options.operand(0), &directory = options.text("dir");
  const auto files = files_of(directory, experiment);
  if (files.empty() && !options.flag("json"))
    std::cerr << "lensbench: " << directory << " lacks archives of '" << experiment << "'\n";
  return in_child({files}, [&] { return list_versions(files, options.flag("json")); });
}

}  // namespace lensbench::cli
