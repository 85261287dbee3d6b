#include <charconv>
#include <exception>
#include <filesystem>
#include <future>
#include <iostream>
#include <lensbench/error.hpp>
#include <optional>
#include <vector>

#include "archive/digest/verify.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/beginning_of_run.hpp"
#include "cli/commands/token_texts.hpp"
#include "cli/parse/options.hpp"
#include "core/files/atomic_file.hpp"
#include "core/files/output_file.hpp"
#include "report/page/page.hpp"
#include "session/pictures/page_pictures.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

/// Bytes of `2M`, `500K`, `1G` or `100000`. \throws UsageError
std::size_t size_of_page(const std::string& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  int shift = -1;
  if (unit.empty()) shift = 0;
  if (unit == "K" || unit == "k") shift = 10;
  if (unit == "M" || unit == "m") shift = 20;
  if (unit == "G" || unit == "g") shift = 30;
  // A page above 1 GiB cannot be passed from the child process, nor opened by a browser.
  constexpr std::size_t kMost = std::size_t{1} << 30;
  if (error != std::errc() || shift < 0 || number == 0 || number > kMost >> shift)
    throw UsageError("report: --max-bytes is '" + text +
                     "', expected a size up to 1G such as 500K or 2M");
  return number << shift;
}

/// The file to write: the given one, or the name of the archive with `.html`. \throws UsageError if
/// it must not be written
fs::path page_file(const Options& options) {
  fs::path file = options.text("out");
  if (file.empty()) file = fs::path(options.operand(0)).replace_extension(".html");
  // `mine.run/` has an empty name.
  if (options.text("out").empty() && !fs::path(options.operand(0)).has_filename())
    file = fs::path(options.operand(0)).parent_path().replace_extension(".html");
  std::vector<fs::path> inputs = {options.operand(0)};
  if (!options.operand(1).empty()) inputs.emplace_back(options.operand(1));
  check_output_file(file, options.flag("force"), inputs);
  return file;
}

/// Pictures of the cases of each archive.
using Pictures = std::vector<std::vector<PicturePlace>>;

page::RunSource source_with(const ArchiveReader& archive, const std::vector<PicturePlace>& places) {
  page::RunSource source = page::source_of(archive);
  if (!places.empty()) source.pictures = pictures_for_page(places, archive);
  return source;
}

std::string page_of_archives(const std::vector<fs::path>& files, const Pictures& pictures,
                             const page::PageRequest& request) {
  const ArchiveReader a(files[0]);
  std::vector<page::RunSource> runs;
  runs.push_back(source_with(a, pictures[0]));
  if (files.size() == 1) return page::make_page(runs, request);
  const ArchiveReader b(files[1]);
  runs.push_back(source_with(b, pictures[1]));
  return page::make_page(runs, request, diff_archives(a, b));
}

/// The page of sealed archives. They are verified in another process at the same time, which takes
/// about as long as to make the page of a large archive.
std::string verified_page(const Options& options, const page::PageRequest& request) {
  std::vector<fs::path> files = {options.operand(0)};
  if (!options.operand(1).empty()) files.emplace_back(options.operand(1));
  auto verified = std::async(std::launch::async, [&] {
    for (const fs::path& file : files)
      ask_child({{file}}, [&] {
        require_intact(file, "no page is written");
        return std::string();
      });
  });
  std::string page;
  std::exception_ptr problem;
  try {
    Pictures pictures;
    std::vector<fs::path> readable = files;
    for (const fs::path& file : files) {
      pictures.push_back(read_picture_places(file, options.text("images")));
      for (fs::path& picture : files_of(pictures.back())) readable.push_back(std::move(picture));
    }
    page = ask_child({readable}, [&] { return page_of_archives(files, pictures, request); });
  } catch (...) {
    problem = std::current_exception();
  }
  // Damage explains any other problem.
  verified.get();
  if (problem) std::rethrow_exception(problem);
  return page;
}

std::string page_of_run(const fs::path& folder, const page::PageRequest& request) {
  // The tokenizer is opened before, outside of the child, which may only read the folder.
  const TokenText token = token_texts(folder);
  return ask_child({.files = {}, .folders = {folder}}, [&] {
    const CommittedResults run(folder);
    std::vector<page::RunSource> runs;
    runs.push_back(page::source_of(run, token));
    return page::make_page(runs, request);
  });
}

}  // namespace

/// A child process reads the archive and returns the page; only the parent, which does not read the
/// archive, may write a file.
int run_report(const Options& options) {
  if (!page::has_page())
    throw UsageError(
        "report: this lensbench was built without the page (LENSBENCH_REPORT=OFF); build it with "
        "esbuild and the modules of d3 (docs/building.md)");
  page::PageRequest request;
  request.cases = options.list("case");
  request.max_bytes = size_of_page(options.text("max-bytes"));
  request.top_k = static_cast<std::int64_t>(options.count("top-k"));
  request.title = options.text("title");
  if (request.top_k < 1) throw UsageError("report: --top-k is 0, expected 1 or more");
  const std::string &first = options.operand(0), &second = options.operand(1);
  std::string page;
  const fs::path folder = unsealed_run(first);
  const fs::path file = page_file(options);
  if (!folder.empty()) {
    if (!second.empty())
      throw UsageError(folder.string() +
                       ": the run is not sealed yet, and only archives can be compared");
    page = page_of_run(folder, request);
  } else {
    page = verified_page(options, request);
  }
  write_file_atomically(fs::absolute(file), std::string_view(page));
  std::cout << file.string() << ": " << page.size() << " bytes\n";
  return 0;
}

}  // namespace lensbench::cli
