// The plan of the house (docs/architecture.md): which layer may include which, and how large a room
// may grow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "support/folders.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

const fs::path kFramework = fs::path(testing::source_folder()) / "framework";

const std::map<std::string, Names> kMayInclude = {
    {"core", {}},
    {"checkpoint", {"core"}},
    {"archive", {"core"}},
    {"vision", {"core"}},
    {"model", {"core", "checkpoint", "vision"}},
    {"plugin", {"core"}},
    {"rendering", {}},
    {"mpi", {}},
    {"bench", {"core", "checkpoint", "archive", "model", "plugin"}},
    {"report", {"core", "checkpoint", "archive", "rendering"}},
    {"session",
     {"core", "checkpoint", "archive", "vision", "model", "plugin", "bench", "report", "mpi"}},
    {"serve", {"core", "archive", "model", "plugin", "bench", "report", "session"}},
    {"grading", {"core", "checkpoint", "archive", "model", "plugin", "bench", "report", "session"}},
    {"cli",
     {"core", "checkpoint", "archive", "vision", "model", "plugin", "bench", "report", "session",
      "serve", "grading"}},
};

// The layer that a public header belongs to: <lensbench/NAME.hpp>.
const std::map<std::string, std::string> kLayerOfHeader = {
    {"error", "core"},
    {"json_fault", "core"},
    {"export", "core"},
    {"dataset", "core"},
    {"parameters", "core"},
    {"random", "core"},
    {"statistics", "core"},
    {"hypothesis", "core"},
    {"costs", "core"},
    {"plugin_descriptor", "core"},
    {"model_file", "core"},
    {"tokenizer", "checkpoint"},
    {"activation_cache", "model"},
    {"generation", "model"},
    {"gradients", "model"},
    {"hooks", "model"},
    {"intervention", "model"},
    {"model", "model"},
    {"patching", "model"},
    {"profile", "model"},
    {"readout", "model"},
    {"spec", "model"},
    {"tokens", "model"},
    {"target", "bench"},
    {"tool", "bench"},
    {"experiment", "bench"},
    {"plugin", "bench"},
    {"request", "bench"},
    {"context", "bench"},
    {"uses", "bench"},
    {"result_spec", "core"},
    {"archive", "archive"},
    {"corpus", "model"},
    {"run", "session"},
    {"linear_algebra", "core"},
    {"vision", "model"},
    {"weight_changes", "model"},
    {"streaming_statistics", "core"},
    {"sweep", "model"},
    {"metric", "bench"},
    {"sweep_receipts", "model"},
    {"tensor_file", "bench"},
    {"reference_prompts", "bench"},
};

bool is_source(const fs::path& path) {
  return path.extension() == ".cpp" || path.extension() == ".hpp";
}

/// The layers that a file includes, each with the line that does.
std::map<std::string, std::string> included_layers(const fs::path& path) {
  static const std::regex own(R"re(#include "([a-z]+)/.*")re");
  static const std::regex shared(R"re(#include <lensbench/([a-z_]+)\.hpp>)re");
  std::map<std::string, std::string> layers;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (std::regex_match(line, match, own)) {
      layers.emplace(match[1], line);
    } else if (std::regex_match(line, match, shared)) {
      const auto header = kLayerOfHeader.find(match[1]);
      EXPECT_NE(header, kLayerOfHeader.end()) << line << ": give this header a layer above";
      if (header != kLayerOfHeader.end()) layers.emplace(header->second, line);
    }
  }
  return layers;
}

void expect_allowed(const fs::path& path, const std::string& layer) {
  const auto allowed = kMayInclude.find(layer);
  ASSERT_NE(allowed, kMayInclude.end())
      << path << ": give the layer '" << layer << "' a rule above";
  for (const auto& [other, line] : included_layers(path))
    EXPECT_TRUE(other == layer || allowed->second.contains(other))
        << path << ": " << layer << " may not know " << other << " (" << line << ")";
}

TEST(Layers, IncludeOnlyLayersBeforeThem) {
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kFramework)) {
    const auto relative = fs::relative(entry.path(), kFramework);
    const std::string layer = relative.begin()->string();
    if (!is_source(entry.path()) || layer == "include") continue;
    ++files;
    expect_allowed(entry.path(), layer);
  }
  EXPECT_GT(files, 300);
}

TEST(Layers, PublicHeadersIncludeOnlyLayersBeforeThem) {
  for (const auto& [header, layer] : kLayerOfHeader)
    expect_allowed(kFramework / "include" / "lensbench" / (header + ".hpp"), layer);
}

TEST(Layers, PluginsIncludeOnlyPublicHeadersAndTheirOwn) {
  static const std::regex own(R"re(#include "([a-z_]+)/.*")re");
  for (const char* folder : {"plugins", "experiments", "examples"})
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(testing::source_folder()) / folder)) {
      if (!is_source(entry.path())) continue;
      std::ifstream file(entry.path());
      std::smatch match;
      for (std::string line; std::getline(file, line);)
        EXPECT_FALSE(std::regex_match(line, match, own) && kMayInclude.contains(match[1]))
            << entry.path() << ": " << line;
    }
}

// Two types of one name in one namespace are one type to the linker: it keeps the destructor of
// either for both. Headers are formatted, so a type of a namespace starts its line.
TEST(Types, OfANamespaceHaveNamesOfTheirOwn) {
  static const std::regex space(R"re(namespace ([a-z:_]+) \{)re");
  static const std::regex type(
      R"re((?:struct|class|enum class) (?:LENSBENCH_API )?(\w+)(?: final)?(?: : .*)? \{)re");
  std::map<std::string, fs::path> defined;
  for (const auto& entry : fs::recursive_directory_iterator(kFramework)) {
    if (entry.path().extension() != ".hpp") continue;
    std::ifstream file(entry.path());
    std::string prefix;
    std::smatch match;
    for (std::string line; std::getline(file, line);) {
      if (std::regex_match(line, match, space)) prefix = match[1].str() + "::";
      if (!std::regex_match(line, match, type)) continue;
      const auto [first, is_new] = defined.emplace(prefix + match[1].str(), entry.path());
      EXPECT_TRUE(is_new) << first->first << " is defined in " << first->second << " and in "
                          << entry.path();
    }
  }
  EXPECT_GT(defined.size(), 100u);
}

TEST(Rooms, HoldAtMost35Sources) {
  std::map<fs::path, int> sources;
  for (const auto& entry : fs::recursive_directory_iterator(kFramework))
    if (is_source(entry.path())) ++sources[fs::relative(entry.path().parent_path(), kFramework)];
  for (const auto& [folder, count] : sources) {
    // One file a family; one public header a subject.
    if (folder == "model/families" || folder == "include/lensbench") continue;
    EXPECT_LE(count, 35) << folder << ": which subject wants a folder of its own?";
  }
}

}  // namespace
}  // namespace lensbench
