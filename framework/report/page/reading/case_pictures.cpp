#include "report/page/reading/case_pictures.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/text/base64.hpp"

namespace lensbench::page {
namespace {

/// Longest side of the pictures, from what is wanted to what still shows something.
constexpr std::array<std::int64_t, 4> kMostSides = {1024, 640, 400, 256};

bool draws_pictures(const PageRun& run) {
  return std::any_of(run.results.begin(), run.results.end(), [](const auto& result) {
    return std::any_of(
        result->variables.begin(), result->variables.end(),
        [&](const PageVariable& variable) { return view_of(variable, *result) == "image"; });
  });
}

CasePicture case_picture(const PagePicture& picture) {
  CasePicture made{picture.name, picture.sha256, picture.width, picture.height, {}, picture.reason};
  if (!picture.jpeg.empty())
    made.source = text_block({"data:image/jpeg;base64," + base64(picture.jpeg)});
  return made;
}

CasePictures pictures_within(const PageRun& run, std::int64_t most_side) {
  CasePictures pictures;
  for (const std::int64_t number : run.chosen)
    for (const PagePicture& one : run.source->pictures(number, most_side))
      pictures[number].push_back(case_picture(one));
  return pictures;
}

std::size_t bytes_of(const CasePictures& pictures) {
  std::size_t bytes = 0;
  for (const auto& [number, list] : pictures)
    for (const CasePicture& one : list) bytes += one.source.data.size();
  return bytes;
}

/// Leaves out the last pictures until the others fit.
void cut_to(CasePictures& pictures, std::size_t bytes) {
  std::size_t used = 0;
  for (auto& [number, list] : pictures)
    for (CasePicture& one : list) {
      if (used + one.source.data.size() <= bytes) {
        used += one.source.data.size();
        continue;
      }
      one.source = {};
      one.reason =
          "it does not fit into the page; give a larger --max-bytes, or name its case "
          "alone by --case";
    }
}

}  // namespace

CasePictures case_pictures(const PageRun& run, std::size_t bytes) {
  if (!run.source->pictures || !draws_pictures(run)) return {};
  CasePictures pictures;
  for (const std::int64_t side : kMostSides) {
    pictures = pictures_within(run, side);
    if (bytes_of(pictures) <= bytes) return pictures;
  }
  cut_to(pictures, bytes);
  return pictures;
}

}  // namespace lensbench::page
