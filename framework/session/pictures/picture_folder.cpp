#include "session/pictures/picture_folder.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <lensbench/error.hpp>
#include <map>

#include "core/files/regular_file.hpp"
#include "core/text/utf8.hpp"
#include "session/pictures/picture_fields.hpp"

// A folder as a plan: one case for each picture.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLabels = "labels.csv";
constexpr std::uint64_t kMostLabelBytes = std::uint64_t{1} << 26U;

/// Endings of pictures. Those of other formats than JPEG, PNG and WebP are refused when they are
/// read, and not left out silently.
constexpr std::array kEndings = {".jpg", ".jpeg", ".png", ".webp", ".gif",
                                 ".tif", ".tiff", ".bmp", ".heic", ".heif"};

bool is_picture_name(const fs::path& name) {
  std::string ending = name.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

/// Cells of one record of a CSV file (RFC 4180), which begins at `at` and is passed over.
std::vector<std::string> next_record(std::string_view text, std::size_t& at,
                                     const std::string& file) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  while (at < text.size()) {
    const char c = text[at++];
    if (quoted && c == '"' && at < text.size() && text[at] == '"') {
      cells.back() += text[at++];
    } else if (c == '"' && (quoted || cells.back().empty())) {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else if (c == '\n' && !quoted) {
      if (!cells.back().empty() && cells.back().back() == '\r') cells.back().pop_back();
      return cells;
    } else {
      cells.back() += c;
    }
  }
  if (quoted) throw InputError(file + ": a quotation mark at the end is not closed; close it");
  return cells;
}

/// Labels by file name.
std::map<std::string, std::string> read_labels(const fs::path& file) {
  const std::string name = file.string();
  const std::string bytes = read_regular_file(file, kMostLabelBytes);
  std::string_view text = bytes;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (!is_storable_text(text)) throw InputError(name + ": is not UTF-8 text; convert the file");
  std::size_t at = 0;
  if (next_record(text, at, name) != std::vector<std::string>{"file", "label"})
    throw InputError(name + ": expected the first line file,label");
  std::map<std::string, std::string> labels;
  for (int record = 2; at < text.size(); ++record) {
    std::vector<std::string> cells = next_record(text, at, name);
    if (cells.size() == 1 && cells.front().empty()) continue;
    if (cells.size() != 2)
      throw InputError(
          name + ": record " + std::to_string(record) + " has " + std::to_string(cells.size()) +
          " cells; expected a file and a label (in quotation marks if it has a comma)");
    if (!labels.emplace(cells[0], cells[1]).second)
      throw InputError(name + ": the file '" + cells[0] + "' has two labels; remove one");
  }
  return labels;
}

/// Names of what is in a folder, sorted.
std::vector<fs::path> names_in(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw InputError(folder.string() + ": is not a folder; name a folder of pictures");
  std::vector<fs::path> names;
  fs::directory_iterator it(folder, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename());
  if (error) throw InputError(folder.string() + ": the folder cannot be read: " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

/// Gives the pictures their labels. \throws InputError for a label without its picture
void set_labels(PictureFolder& found) {
  auto labels = read_labels(found.labels);
  for (FolderPicture& picture : found.pictures)
    if (auto label = labels.extract(picture.name)) picture.label = label.mapped();
  if (!labels.empty())
    throw InputError(found.labels.string() + ": the folder lacks the picture '" +
                     labels.begin()->first + "'; add it, or remove its line");
}

}  // namespace

PictureFolder read_picture_folder(const fs::path& folder) {
  PictureFolder found;
  std::error_code error;
  for (const fs::path& name : names_in(folder)) {
    const std::string text = name.string();
    if (text.starts_with('.')) continue;
    if (text == kLabels)
      found.labels = folder / name;
    else if (is_picture_name(name) && !fs::is_directory(folder / name, error))
      found.pictures.push_back({text, (folder / name).string(), std::nullopt});
    else
      found.left_out.push_back(text);
  }
  if (found.pictures.empty())
    throw InputError(folder.string() +
                     ": the folder lacks pictures; expected files that end in .jpg, .png or .webp");
  if (!found.labels.empty()) set_labels(found);
  return found;
}

std::vector<CaseInput> cases_of_folder(const PictureFolder& folder, const CaseInput& prompt) {
  std::vector<CaseInput> cases;
  cases.reserve(folder.pictures.size());
  for (const FolderPicture& picture : folder.pictures) {
    CaseInput input = prompt;
    input.id = replace_invalid_utf8(picture.name);
    input.fields[kImagesField] = images_field({picture.path});
    if (picture.label) input.fields["label"] = *picture.label;
    cases.push_back(std::move(input));
  }
  return cases;
}

}  // namespace lensbench
