#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "docs/markdown.hpp"
#include "docs/result_tables.hpp"
#include "support/folders.hpp"
#include "support/process.hpp"

// What the documents show is what happens: every block is compiled, run, or parsed. Blocks of `sh`
// and `python` of one document run one after the other in a folder that looks like a checkout with
// a build; a block of C++ is compiled into this program (write_snippets.cpp), and called if it says
// `<!-- run with: MODEL -->` (run_snippets_test.cpp). What cannot run says why on the line above,
// `<!-- not run: REASON -->`; what not every machine can run says when, `<!-- run if: CONDITION
// -->`, and is reported as skipped elsewhere; Python of another library is parsed, `<!-- parsed:
// REASON -->`;
// `<!-- file: NAME -->` puts a block into a file.

extern const int lensbench_docs_snippets;

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using testing::CodeBlock;
using testing::Document;

const std::vector<Document>& documents() {
  static const auto all = testing::read_documents(testing::source_folder());
  return all;
}

bool runs(const CodeBlock& block) {
  return block.not_run.empty() && block.parsed_only.empty() &&
         (block.language == "sh" || block.language == "python");
}

// A folder that looks like a checkout that was built, always at the same place, so that compilers'
// caches know it again.
fs::path fresh_checkout(const std::string& name) {
  const fs::path folder = fs::path(testing::build_folder()) / "docs-checkout" / name;
  fs::remove_all(folder);
  fs::create_directories(folder / "results");
  fs::create_directories(folder / "build");
  const fs::path root = testing::source_folder();
  for (const char* part : {"models", "examples", "docs", "scripts"})
    fs::create_directory_symlink(root / part, folder / part);
  fs::create_directory_symlink(testing::build_folder(), folder / "build" / "release");
  return folder;
}

std::string quoted(const std::string& text) {
  return "'" + std::regex_replace(text, std::regex("'"), "'\\''") + "'";
}

std::string environment(const fs::path& checkout) {
  const char* home = std::getenv("HOME");
  const char* cache = std::getenv("CCACHE_DIR");
  std::string text = "set -euo pipefail\n";
  if (cache == nullptr && home != nullptr)
    text += "export CCACHE_DIR=" + quoted(std::string(home) + "/.cache/ccache") + "\n";
  text += "export HOME=" + quoted(checkout.string()) + "\n";
  text += "export PATH=" + quoted(testing::build_folder() + "/bin") + ":$PATH\n";
  text += "export CMAKE_PREFIX_PATH=" +
          std::regex_replace(quoted(testing::prefix_path()), std::regex(";"), ":") + "\n";
  text += "export CMAKE_GENERATOR=Ninja\n";
  text += "export CXX=" + quoted(testing::cxx_compiler()) + "\n";
  text += "export CXXFLAGS=" + quoted(testing::cxx_flags()) + "\n";
  text += "if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi\n";
  text += "python=${LENSBENCH_PYTHON:-python3}\n";
  text += "export PYTHONPATH=" + quoted(testing::source_folder() + "/python") + "\n";
  // For mpirun, which starts nothing as root otherwise, and not more processes than processors.
  text += "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n";
  text += "export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_plm_rsh_agent=/bin/false\n";
  text += "cd " + quoted(checkout.string()) + "\n";
  return text;
}

std::string script_of(const Document& document, const fs::path& checkout) {
  std::string script = environment(checkout);
  for (const auto& block : document.blocks) {
    if (!block.to_file.empty()) std::ofstream(checkout / block.to_file) << block.text;
    if (!runs(block)) continue;
    script += "echo '--- " + block.where() + "' >&2\n";
    if (block.language == "sh") {
      script += block.run_if.empty()
                    ? block.text
                    : "if " + block.run_if + "; then\n" + block.text + "else echo 'skipped: not " +
                          block.run_if + "' >&2\nfi\n";
    } else {
      script +=
          "if $python -c 'import h5netcdf, h5py, xarray' 2>/dev/null; then $python - <<'PYTHON'\n" +
          block.text +
          "PYTHON\nelse echo 'skipped: no python3 with xarray, h5netcdf, h5py' >&2\nfi\n";
    }
  }
  return script;
}

class EveryDocument : public ::testing::TestWithParam<std::size_t> {};

TEST_P(EveryDocument, SaysWhatEachBlockIs) {
  const Document& document = documents()[GetParam()];
  for (const int line : document.indented)
    ADD_FAILURE()
        << document.file.string() << ":" << line
        << ": an indented block; put it between fences and say what it is (sh, cpp, json, "
           "python, text)";
  for (const auto& block : document.blocks)
    EXPECT_THAT(block.language, ::testing::AnyOf("sh", "cpp", "json", "python", "text"))
        << block.where();
}

TEST_P(EveryDocument, HasBlocksThatRun) {
  const Document& document = documents()[GetParam()];
  const bool any = std::any_of(document.blocks.begin(), document.blocks.end(), runs);
  if (!any) GTEST_SKIP() << "nothing to run";
  std::string name = document.file.string();
  std::replace(name.begin(), name.end(), '/', '_');
  const auto checkout = fresh_checkout(name);
  const auto script = script_of(document, checkout);
  const auto outcome = testing::run({"/bin/bash", "-c", script});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  for (std::size_t at = outcome.err.find("skipped:"); at != std::string::npos;
       at = outcome.err.find("skipped:", at + 1))
    std::cout << document.file.string() << ": "
              << outcome.err.substr(at, outcome.err.find('\n', at) - at) << "\n";
}

TEST_P(EveryDocument, HasJsonThatParses) {
  for (const auto& block : documents()[GetParam()].blocks) {
    if (block.language != "json") continue;
    EXPECT_TRUE(nlohmann::json::accept(block.text)) << block.where() << "\n" << block.text;
  }
}

TEST_P(EveryDocument, HasPythonThatParses) {
  if (testing::run({"/bin/sh", "-c", "command -v python3"}).exit_code != 0)
    GTEST_SKIP() << "no python3";
  const fs::path file = fs::path(testing::build_folder()) / "docs-block.py";
  for (const auto& block : documents()[GetParam()].blocks) {
    if (block.language != "python") continue;
    std::ofstream(file) << block.text;
    const auto outcome =
        testing::run({"/bin/sh", "-c",
                      "python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' " +
                          quoted(file.string())});
    EXPECT_EQ(outcome.exit_code, 0) << block.where() << "\n" << outcome.err;
  }
}

void expect_links_to_exist(const fs::path& file) {
  const auto text = testing::slurp(file);
  const std::regex link(R"(\]\(([^)#\s]+)(#[^)]*)?\))");
  for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at) {
    const std::string target = (*at)[1];
    if (target.find("://") != std::string::npos) continue;
    EXPECT_TRUE(fs::exists(file.parent_path() / target)) << file.string() << " links to " << target;
  }
}

TEST_P(EveryDocument, LinksToFilesThatExist) {
  expect_links_to_exist(fs::path(testing::source_folder()) / documents()[GetParam()].file);
}

TEST(Docs, LinkToFilesThatAreInstalledWithThem) {
  const fs::path prefix = fs::path(testing::build_folder()) / "docs-installed";
  fs::remove_all(prefix);
  const auto installed =
      testing::run({testing::cmake_program(), "--install", testing::build_folder(), "--component",
                    "documents", "--prefix", prefix.string()});
  ASSERT_EQ(installed.exit_code, 0) << installed.err;
  int looked_at = 0;
  for (const auto& entry : fs::recursive_directory_iterator(prefix)) {
    if (entry.path().extension() != ".md") continue;
    expect_links_to_exist(entry.path());
    ++looked_at;
  }
  EXPECT_GT(looked_at, 20);
}

std::string document_name(const ::testing::TestParamInfo<std::size_t>& info) {
  std::string name = documents()[info.param].file.string();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Docs, EveryDocument, ::testing::Range(std::size_t{0}, documents().size()),
                         document_name);

TEST(Docs, HaveTheVariablesThatTheToolsDeclare) {
  const auto listed =
      testing::run({testing::build_folder() + "/bin/lensbench", "list", "tools", "--json"});
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  int compared = 0;
  for (const auto& tool : nlohmann::json::parse(listed.out)) {
    const fs::path file = fs::path(testing::source_folder()) / "docs" / "tools" /
                          (tool["name"].get<std::string>() + ".md");
    if (!fs::exists(file)) continue;
    const auto expected = testing::with_result_table(testing::slurp(file), tool);
    ASSERT_TRUE(expected) << file << ": the marks of its table of results are missing";
    EXPECT_EQ(testing::slurp(file), *expected)
        << "write it again: build/release/bin/lensbench list tools --json | "
           "build/release/bin/write_result_tables .";
    ++compared;
  }
  EXPECT_GE(compared, 4);
}

TEST(Docs, HaveTheirCppCompiledIntoThisProgram) {
  int blocks = 0, not_run = 0;
  for (const auto& document : documents())
    for (const auto& block : document.blocks) {
      if (block.language == "cpp") ++blocks;
      if (!block.not_run.empty()) {
        ++not_run;
        std::cout << "not run: " << block.where() << ": " << block.not_run << "\n";
      }
    }
  EXPECT_GT(blocks, 0);
  EXPECT_EQ(lensbench_docs_snippets, blocks) << "build docs_test again";
  // Three of them need a large checkpoint that reads pictures, two train the models of the
  // repository.
  EXPECT_LE(not_run, 16) << "blocks that nobody runs rot: make them run";
}

}  // namespace
}  // namespace lensbench
