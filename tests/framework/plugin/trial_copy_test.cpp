#include "plugin/trial_copy.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "support/fixture_plugins.hpp"
#include "support/process.hpp"

// Libraries that a library needs, and copies that do not ask for some of them. What is expected
// comes from readelf(1).

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using testing::fixture;

/// Texts that the first group of a pattern matches in what readelf says about a file.
std::set<std::string> read_elf(const std::string& option, const std::string& file,
                               const std::string& pattern) {
  const std::string text = testing::run({"/usr/bin/readelf", "-W", option, file}).out;
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    found.insert((*it)[1]);
  return found;
}

std::set<std::string> needed_by(const std::string& file) {
  return read_elf("-d", file, "\\(NEEDED\\).*\\[(.+)\\]");
}

std::set<std::string> versioned_by(const std::string& file) {
  return read_elf("-V", file, "Version: 1  File: (\\S+)");
}

/// A file as the loader gets it.
struct OpenFile {
  explicit OpenFile(const fs::path& path)
      : file(FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC)), path),
        image(file.bytes(), path) {}
  SealedFile file;
  ElfImage image;
};

TEST(ElfImage, KnowsTheNeededLibrariesAndThoseWithVersions) {
  const auto path = fixture("good");
  const OpenFile library(path);
  std::set<std::string> names, versioned;
  for (const NeededLibrary& needed : library.image.needed()) {
    names.insert(needed.name);
    if (needed.has_versions) versioned.insert(needed.name);
  }
  EXPECT_EQ(names, needed_by(path));
  EXPECT_EQ(versioned, versioned_by(path));
  EXPECT_FALSE(versioned.empty());
  EXPECT_LT(versioned.size(), names.size());
}

TEST(TrialCopy, KeepsTheNamesOfOtherLibrariesAndOfThoseWithVersions) {
  const auto path = fixture("good");
  const OpenFile library(path);
  const auto all = needed_by(path), versioned = versioned_by(path);
  // All names but one, which is a library without versions.
  std::set<std::string> names = all, kept = versioned;
  for (const std::string& name : all)
    if (!versioned.contains(name)) {
      names.erase(name);
      kept.insert(name);
      break;
    }
  const FileDescriptor copy = copy_without(names, library.file, library.image, path);
  EXPECT_EQ(needed_by(memory_path(copy)), kept);
}

TEST(TrialCopy, HasTheBytesOfTheLibraryIfNothingIsLeftOut) {
  const auto path = fixture("good");
  const OpenFile library(path);
  const FileDescriptor copy = copy_without({"libother.so"}, library.file, library.image, path);
  EXPECT_EQ(testing::slurp(memory_path(copy)), testing::slurp(path));
}

TEST(OwnLibraries, AreThoseOfTheProgramThatContainsTheCode) {
  const auto program = fs::read_symlink("/proc/self/exe").string();
  EXPECT_EQ(own_libraries(), needed_by(program));
}

}  // namespace
}  // namespace lensbench
