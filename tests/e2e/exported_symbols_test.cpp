#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/folders.hpp"
#include "support/process.hpp"

// What the library exports is what its public headers declare: the rest may change without notice,
// and a plug-in must not be able to link to it.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::IsEmpty;

std::vector<std::string> identifiers_in(const std::string& text) {
  std::vector<std::string> found;
  std::string word;
  for (const char c : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      word += c;
    } else if (!word.empty()) {
      found.push_back(word);
      word.clear();
    }
  }
  return found;
}

/// Every identifier of the public headers.
std::set<std::string> declared_identifiers() {
  std::set<std::string> all;
  for (const auto& entry :
       fs::recursive_directory_iterator(testing::source_folder() + "/framework/include")) {
    if (!entry.is_regular_file()) continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    for (const auto& word : identifiers_in(text.str())) all.insert(word);
  }
  return all;
}

/// Qualified names `lensbench::…` of the defined symbols, without arguments; tables and type
/// information count by their class.
std::set<std::string> exported_names(const std::string& library) {
  const auto outcome =
      testing::run({"/usr/bin/env", "nm", "--dynamic", "--demangle", "--defined-only", library});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::set<std::string> names;
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) {
    // Address, type, name: `0000 T lensbench::f(int)`, `0000 V vtable for lensbench::A`.
    const auto of_class = line.find(" for lensbench::");
    const auto begin = of_class == std::string::npos ? line.find(' ', line.find(' ') + 1) + 1
                                                     : of_class + std::string(" for ").size();
    const std::string name = line.substr(begin, line.find_first_of("(<[", begin) - begin);
    if (name.starts_with("lensbench::")) names.insert(name);
  }
  return names;
}

TEST(ExportedSymbols, AreDeclaredInPublicHeaders) {
  if (testing::run({"/bin/sh", "-c", "command -v nm"}).exit_code != 0)
    GTEST_SKIP() << "nm is not installed";
  const auto declared = declared_identifiers();
  const auto exported = exported_names(testing::build_folder() + "/lib/liblensbench.so");
  ASSERT_THAT(exported, Contains("lensbench::Dataset::add"));
  std::vector<std::string> internal;
  for (const std::string& name : exported)
    for (const auto& word : identifiers_in(name))
      if (!declared.contains(word)) internal.push_back(name);
  EXPECT_THAT(internal, IsEmpty());
}

}  // namespace
}  // namespace lensbench
