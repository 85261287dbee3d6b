#include <cstdlib>
#include <regex>

#include "support/command.hpp"
#include "support/folders.hpp"

// The source text that the build of a plug-in embeds (cmake/EmbedSource.cmake).

namespace lensbench {
namespace {

class EmbeddedSource : public ::testing::Test {
 protected:
  /// Text that is embedded for a main file, and more files, of the folder `tool`.
  std::string of(const std::string& main, const std::string& more = "") {
    const auto outcome =
        testing::run({testing::cmake_program(), "-DINPUT=" + (folder_ / "tool" / main).string(),
                      "-DMORE=" + more, "-DOUTPUT=" + (folder_ / "text.cpp").string(),
                      "-DDEPFILE=" + (folder_ / "text.d").string(), "-P",
                      testing::source_folder() + "/cmake/EmbedSource.cmake"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string code = testing::slurp(folder_ / "text.cpp");
    static const std::regex byte(R"('\\x([0-9a-f]{2})')");
    std::string text;
    for (auto at = std::sregex_iterator(code.begin(), code.end(), byte);
         at != std::sregex_iterator(); ++at)
      text += static_cast<char>(std::strtol((*at)[1].str().c_str(), nullptr, 16));
    return text;
  }

  TempDir folder_;
};

TEST_F(EmbeddedSource, OfOneFileIsItsText) {
  const std::string text = "#include <vector>\n// \"ü\"; no newline at the end";
  folder_.write("tool/a.cpp", text);
  EXPECT_EQ(of("a.cpp"), text);
}

TEST_F(EmbeddedSource, HasTheFilesOfTheFolderThatAreIncludedWithTheirSources) {
  folder_.write("tool/a.cpp", "#include \"a.hpp\"\n  # include \"deep/b.hpp\"  // b\n");
  folder_.write("tool/a.hpp", "#include \"tool/c.hpp\"\n");
  folder_.write("tool/c.hpp", "#include \"a.hpp\"\n// c");
  folder_.write("tool/c.cpp", "#include \"c.hpp\"\n");
  folder_.write("tool/deep/b.hpp", "#include \"../outside.hpp\"\n");
  folder_.write("tool/outside.hpp", "// inside\n");
  EXPECT_EQ(of("a.cpp"),
            "// file: a.cpp\n#include \"a.hpp\"\n  # include \"deep/b.hpp\"  // b\n"
            "// file: a.hpp\n#include \"tool/c.hpp\"\n"
            "// file: c.hpp\n#include \"a.hpp\"\n// c\n"
            "// file: c.cpp\n#include \"c.hpp\"\n"
            "// file: deep/b.hpp\n#include \"../outside.hpp\"\n"
            "// file: outside.hpp\n// inside\n");
  const std::string dependencies = testing::slurp(folder_ / "text.d");
  for (const char* file : {"a.cpp", "a.hpp", "c.hpp", "c.cpp", "deep/b.hpp", "outside.hpp"})
    EXPECT_THAT(dependencies, HasSubstr((folder_ / "tool" / file).string()));
}

TEST_F(EmbeddedSource, HasFilesOfTheFolderThatSeveralPluginsShare) {
  folder_.write("tool/a.cpp", "#include \"common/b.hpp\"\n#include \"other/c.hpp\"\n");
  folder_.write("common/b.hpp", "// shared\n");
  folder_.write("other/c.hpp", "// not shared\n");
  EXPECT_EQ(of("a.cpp"),
            "// file: a.cpp\n#include \"common/b.hpp\"\n#include \"other/c.hpp\"\n"
            "// file: ../common/b.hpp\n// shared\n");
}

TEST_F(EmbeddedSource, LeavesOutFilesOfOtherFoldersAndThoseThatAreMissing) {
  folder_.write("tool/a.cpp",
                "#include \"../other.hpp\"\n#include \"missing.hpp\"\n// #include \"b.hpp\"\n");
  folder_.write("tool/b.hpp", "// b\n");
  folder_.write("other.hpp", "// other\n");
  EXPECT_EQ(of("a.cpp", (folder_ / "other.hpp").string()), testing::slurp(folder_ / "tool/a.cpp"));
}

TEST_F(EmbeddedSource, HasTheOtherSourcesOfThePlugin) {
  folder_.write("tool/a.cpp", "// a\n");
  folder_.write("tool/b.cpp", "// b\n");
  EXPECT_EQ(
      of("a.cpp", (folder_ / "tool/a.cpp").string() + "|" + (folder_ / "tool/b.cpp").string()),
      "// file: a.cpp\n// a\n// file: b.cpp\n// b\n");
}

}  // namespace
}  // namespace lensbench
