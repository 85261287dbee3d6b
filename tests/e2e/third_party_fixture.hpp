#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/command.hpp"
#include "support/csv.hpp"
#include "support/folders.hpp"

namespace lensbench {

/// Projects outside of this tree, built against an installed lensbench that was moved after it was
/// installed.
class ThirdParty : public ::testing::Test {
 protected:
  /// Always at the same place, so that a compiler's cache knows the sources again; each half of the
  /// tests has its own.
  static fs::path root() {
    const char* half = std::getenv("GTEST_SHARD_INDEX");
    return fs::path(testing::build_folder()) / "third-party" / (half == nullptr ? "all" : half);
  }
  static std::string prefix() { return root() / "moved"; }

  static void SetUpTestSuite() {
    fs::remove_all(root());
    fs::create_directories(root());
    const auto installed =
        testing::run({testing::cmake_program(), "--install", testing::build_folder(), "--prefix",
                      (root() / "prefix").string()});
    ASSERT_EQ(installed.exit_code, 0) << installed.err;
    fs::rename(root() / "prefix", prefix());
    setenv("CMAKE_GENERATOR", "Ninja", 1);
    setenv("CXX", testing::cxx_compiler().c_str(), 1);
    setenv("CXXFLAGS", testing::cxx_flags().c_str(), 1);
    if (testing::run({"/bin/sh", "-c", "command -v ccache"}).exit_code == 0)
      setenv("CMAKE_CXX_COMPILER_LAUNCHER", "ccache", 1);
  }

  static Outcome lensbench(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), prefix() + "/bin/lensbench");
    return testing::run(arguments);
  }

  static Outcome configure(const fs::path& source, const fs::path& build) {
    return testing::run({testing::cmake_program(), "-S", source.string(), "-B", build.string(),
                         "-DCMAKE_BUILD_TYPE=Release",
                         "-DCMAKE_PREFIX_PATH=" + prefix() + ";" + testing::prefix_path()});
  }

  /// The folder of the plug-in that a project builds; empty if it does not build.
  static fs::path built(const fs::path& source, const fs::path& build) {
    for (const auto& outcome :
         {configure(source, build),
          testing::run({testing::cmake_program(), "--build", build.string()})})
      if (outcome.exit_code != 0) {
        ADD_FAILURE() << outcome.out << outcome.err;
        return {};
      }
    return build / "lib" / "lensbench" / "plugins";
  }

  static Outcome ctest(const fs::path& build) {
    const auto program = fs::path(testing::cmake_program()).parent_path() / "ctest";
    return testing::run({program.string(), "--test-dir", build.string(), "--output-on-failure"});
  }

  static void replace_in(const fs::path& file, const std::string& what, const std::string& by) {
    std::string text = testing::slurp(file);
    const auto at = text.find(what);
    ASSERT_NE(at, std::string::npos) << file;
    std::ofstream(file) << text.replace(at, what.size(), by);
  }

  /// What the HDF5 tools find in the recipe of an archive.
  static std::string recorded(const std::string& archive, const std::string& name) {
    return testing::run({"/usr/bin/h5dump", "-d", "/recipe/" + name, archive}).out;
  }

  /// Columns of a variable as `lensbench export` writes it.
  static std::map<std::string, std::vector<double>> columns(const std::string& archive,
                                                            const std::string& variable) {
    const auto exported = lensbench({"export", archive, variable, "--format", "csv"});
    EXPECT_EQ(exported.exit_code, 0) << exported.err;
    std::istringstream lines(exported.out);
    std::string line;
    std::getline(lines, line);
    const auto names = testing::csv_fields(line);
    std::map<std::string, std::vector<double>> result;
    while (std::getline(lines, line)) {
      const auto fields = testing::csv_fields(line);
      for (std::size_t i = 0; i < names.size(); ++i)
        result[names[i]].push_back(std::strtod(fields.at(i).c_str(), nullptr));
    }
    return result;
  }
};

}  // namespace lensbench
