#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/digest/verify.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/plot_options.hpp"
#include "core/files/atomic_file.hpp"
#include "core/files/output_file.hpp"
#include "core/text/shell_words.hpp"
#include "report/figure/figure.hpp"
#include "report/figure/read_figure.hpp"
#include "report/figure/scene/render.hpp"
#include "report/page/run_source.hpp"
#include "report/summary/archive_tokens.hpp"
#include "session/pictures/page_pictures.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

/// Parts of `lens/entropy`.
struct Drawn {
  std::string dataset, variable;
};

Drawn parse_drawn(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size())
    throw UsageError("plot: '" + text + "' must name a dataset and its variable: DATASET/VARIABLE");
  return {text.substr(0, slash), text.substr(slash + 1)};
}

/// Command that draws the figure again, without folders, which differ from machine to machine.
std::string command_of(const Options& options) {
  std::string command = "lensbench plot " +
                        shell_word(fs::path(options.operand(0)).filename().string()) + " " +
                        shell_word(options.operand(1));
  for (const Option& option : options.command().options) {
    // The file, whether it was there before and the folder of photos do not change the figure.
    if (option.name == "out" || option.name == "force" || option.name == "images") continue;
    if (option.is_flag()) {
      if (options.flag(option.name)) command += " --" + option.name;
      continue;
    }
    for (const std::string& value : options.list(option.name))
      command += " --" + option.name + "=" +
                 shell_word(option.name == "against" ? fs::path(value).filename().string() : value);
  }
  return command;
}

/// File to write.
struct Output {
  figure::Format format;
  double dpi;
  std::optional<figure::Renderer> renderer = {};  ///< for other formats than SVG
};

/// The file and the sentences for the user, as one text for the pipe to the parent: a line of JSON
/// and the bytes.
std::string answer_of(figure::Figure drawn, const Output& output) {
  const std::string bytes =
      output.renderer ? output.renderer->render(drawn, output.format, output.dpi) : drawn.svg;
  return nlohmann::json(drawn.notes).dump() + "\n" + bytes;
}

/// Longest side of photos in a figure, in pixels.
constexpr std::int64_t kMostPhotoSide = 1024;

/// Pictures of a case, for the figure. \throws InputError for one that cannot be read
std::vector<figure::CasePhoto> photos_of(const ArchiveReader& archive,
                                         const std::vector<PicturePlace>& places,
                                         std::int64_t case_number) {
  std::vector<figure::CasePhoto> photos;
  for (page::PagePicture& one : pictures_for_page(places, archive)(case_number, kMostPhotoSide)) {
    if (one.jpeg.empty())
      throw InputError("plot: --picture: '" + one.name + "' cannot be drawn: " + one.reason);
    photos.push_back({std::move(one.jpeg), one.width, one.height});
  }
  if (photos.empty())
    throw UsageError("plot: the case does not have a picture; leave --picture out");
  return photos;
}

/// Work of the confined child: everything that reads the archives and the pictures.
std::string draw_in_child(const Options& options, figure::Request request, const Drawn& drawn,
                          const std::vector<PicturePlace>& places, const Output& output) {
  const std::string &file = options.operand(0), &against = options.text("against");
  require_intact(file, "no figure is made");
  const ArchiveReader archive(file);
  const auto data =
      figure::read_for_figure(archive, drawn.dataset, drawn.variable, options.text("case"));
  request.dataset = drawn.dataset;
  request.variable = drawn.variable;
  request.case_number = data.case_number;
  request.case_id = data.case_id;
  request.facts = {{"archive", fs::path(file).filename().string()},
                   {"results_sha256", archive.attribute("results_sha256")}};
  if (options.flag("picture"))
    request.photos = photos_of(archive, places, data.case_number.value_or(0));
  figure::FigureData other;
  if (!against.empty()) {
    require_intact(against, "no figure is made");
    const ArchiveReader second(against);
    other = figure::read_for_figure(second, drawn.dataset, drawn.variable,
                                    data.case_id.empty() ? options.text("case") : data.case_id);
    request.against = &other.dataset;
    request.against_name = fs::path(against).filename().string();
    request.facts.emplace_back("against results_sha256", second.attribute("results_sha256"));
  }
  request.facts.emplace_back("command", command_of(options));
  return answer_of(figure::draw(data.dataset, request, token_texts_of(archive)), output);
}

void check_output(const Options& options) {
  std::vector<fs::path> inputs = {options.operand(0)};
  if (!options.text("against").empty()) inputs.emplace_back(options.text("against"));
  check_output_file(options.text("out"), options.flag("force"), inputs);
}

}  // namespace

/// All wrong usage is reported before the archive is read. The child process that reads it draws as
/// well, because it knows the values, but only this process writes. Libraries are loaded before,
/// because the child may read the archives and the fonts alone.
int run_plot(const Options& options) {
  const figure::Format format = format_of(options.text("out"));
  Output output{format, dpi_of(options, format)};
  const figure::Request request = figure_request(options);
  const Drawn drawn = parse_drawn(options.operand(1));
  if (options.given("case") && options.text("case").empty())
    throw UsageError("plot: --case is empty; give the id of a case, or leave --case out");
  if (options.given("images") && !options.flag("picture"))
    throw UsageError("plot: --images is the folder of the picture of --picture; give both");
  check_output(options);
  Access access{{options.operand(0)}};
  std::vector<PicturePlace> places;
  if (options.flag("picture")) {
    places = read_picture_places(options.operand(0), options.text("images"));
    for (fs::path& file : files_of(places)) access.files.push_back(std::move(file));
  }
  if (const std::string& against = options.text("against"); !against.empty())
    access.files.emplace_back(against);
  if (format != figure::Format::svg) access.system = output.renderer.emplace().font_folders();
  const std::string answer =
      ask_child(access, [&] { return draw_in_child(options, request, drawn, places, output); });
  const auto line = answer.find('\n');
  const std::string bytes = answer.substr(line + 1);
  for (const auto& note : nlohmann::json::parse(answer.substr(0, line)))
    std::cerr << "note: " << note.get<std::string>() << "\n";
  write_file_atomically(fs::absolute(options.text("out")), bytes);
  return 0;
}

}  // namespace lensbench::cli
