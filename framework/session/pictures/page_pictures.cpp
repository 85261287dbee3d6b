#include "session/pictures/page_pictures.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "archive/sandbox/guard.hpp"
#include "core/files/regular_file.hpp"
#include "core/files/sha256.hpp"
#include "session/pictures/kept_pictures.hpp"
#include "vision/decode/decode.hpp"
#include "vision/encode/jpeg.hpp"
#include "vision/resize/bicubic.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Damage of JPEG at this quality is not seen under half-transparent rectangles.
constexpr int kPictureQuality = 85;

/// Larger files than any camera writes.
constexpr std::uint64_t kMostPictureBytes = std::uint64_t{256} << 20;

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

/// A size with the same proportions whose longer side has at most `most` pixels.
vision::PictureSize size_within(vision::PictureSize size, std::int64_t most) {
  const std::int64_t longer = std::max(size.height, size.width);
  if (longer <= most) return size;
  const auto scaled = [&](std::int64_t side) {
    return std::max<std::int64_t>(1, (side * most + longer / 2) / longer);
  };
  return {scaled(size.height), scaled(size.width)};
}

page::PagePicture read_for_page(const PicturePlace& place, const ArchiveReader& archive,
                                std::int64_t most_side) {
  page::PagePicture picture{place.name, place.sha256, 0, 0, {}, {}};
  try {
    std::string bytes = kept_picture(archive, place.case_number, place.number);
    if (bytes.empty() && !is_file(place.file)) {
      picture.reason = "its file is missing; name the folder that has it with --images FOLDER";
      return picture;
    }
    if (bytes.empty()) bytes = read_regular_file(place.file, kMostPictureBytes);
    if (sha256_hex(bytes) != place.sha256) {
      picture.reason = "its file has changed since the run";
      return picture;
    }
    const auto decoded =
        vision::decode_picture(bytes, place.name, {.sixteen_bit = vision::SixteenBit::scale});
    picture.width = decoded.upright.size.width;
    picture.height = decoded.upright.size.height;
    const auto size = size_within(decoded.upright.size, most_side);
    picture.jpeg = vision::jpeg_of(vision::resize_bicubic(decoded.upright, size), kPictureQuality);
  } catch (const Error& error) {
    picture.reason = error.what();
  }
  return picture;
}

}  // namespace

std::vector<PicturePlace> picture_places(const ArchiveReader& archive, const fs::path& folder) {
  std::vector<PicturePlace> places;
  const Dataset recipe = archive.recipe();
  if (!recipe.contains("image_case")) return places;
  const auto& names = recipe["image_name"].strings;
  const auto& digests = recipe["image_file_sha256"].strings;
  const at::Tensor& numbers = recipe["image_case"].tensor;
  if (digests.size() != names.size() || numbers.numel() != std::ssize(names))
    throw InputError(archive.path().string() + ": damaged: the table of pictures has " +
                     std::to_string(names.size()) +
                     " names, but other numbers of cases or digests");
  const json paths = archive.run().value("picture_paths", json::array());
  places.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    // A name from an archive must not lead out of the folder.
    const fs::path name = fs::path(names[i]).filename();
    fs::path file = folder.empty() ? fs::path() : folder / name;
    if (folder.empty() && i < paths.size() && paths[i].is_string())
      file = paths[i].get<std::string>();
    const auto of_case = numbers[static_cast<std::int64_t>(i)].item<std::int64_t>();
    const bool follows = !places.empty() && places.back().case_number == of_case;
    places.push_back(
        {of_case, follows ? places.back().number + 1 : 0, names[i], digests[i], std::move(file)});
  }
  return places;
}

std::vector<PicturePlace> read_picture_places(const fs::path& archive, const fs::path& folder) {
  const std::string text = ask_child({{archive}}, [&] {
    json list = json::array();
    for (const PicturePlace& one : picture_places(ArchiveReader(archive), folder))
      list.push_back({one.case_number, one.number, one.name, one.sha256, one.file.string()});
    // Names in an archive may be any bytes; a path that is not UTF-8 is not found then.
    return list.dump(-1, ' ', false, json::error_handler_t::replace);
  });
  std::vector<PicturePlace> places;
  for (const json& one : json::parse(text))
    places.push_back({one[0], one[1], one[2], one[3], fs::path(one[4].get<std::string>())});
  return places;
}

std::vector<fs::path> files_of(const std::vector<PicturePlace>& places) {
  std::vector<fs::path> files;
  for (const PicturePlace& one : places)
    if (is_file(one.file) && std::find(files.begin(), files.end(), one.file) == files.end())
      files.push_back(one.file);
  return files;
}

page::PicturesOfCase pictures_for_page(std::vector<PicturePlace> places,
                                       const ArchiveReader& archive) {
  return [places = std::move(places), &archive](std::int64_t number, std::int64_t most_side) {
    std::vector<page::PagePicture> pictures;
    for (const PicturePlace& one : places)
      if (one.case_number == number) pictures.push_back(read_for_page(one, archive, most_side));
    return pictures;
  };
}

}  // namespace lensbench
