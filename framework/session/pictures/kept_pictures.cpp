#include "session/pictures/kept_pictures.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cstring>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/hdf5/case_selection.hpp"
#include "archive/records.hpp"
#include "archive/sandbox/guard.hpp"
#include "core/files/atomic_file.hpp"
#include "core/files/sha256.hpp"
#include "vision/prepare.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileBytes = "file_bytes";
constexpr const char* kFileSizes = "file_size";

/// Values of a variable that belong to one case: cases with files of different sizes have a
/// variable each.
at::Tensor values_of_case(const Dataset& of_case, const std::string& name,
                          std::int64_t case_number) {
  const std::string own = name + "_case" + std::to_string(case_number);
  for (const std::string& found : {name, own})
    if (of_case.contains(found) && !of_case[found].is_text())
      return of_case[found].tensor.flatten().contiguous();
  return {};
}

/// First and count of the bytes of a picture. \throws InputError if the sizes contradict the bytes
std::pair<std::int64_t, std::int64_t> range_of(const at::Tensor& sizes, std::int64_t bytes,
                                               std::size_t picture, const std::string& where) {
  const at::Tensor whole = sizes.to(at::kLong).contiguous();
  std::int64_t first = 0, count = 0;
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(picture); ++i) {
    first += count;
    count = i < whole.numel() ? whole.data_ptr<std::int64_t>()[i] : -1;
    if (count < 0 || count > bytes - first)
      throw InputError(where + ": damaged: the sizes of its files do not fit their bytes");
  }
  return {first, count};
}

/// Whether the run was asked to keep its pictures.
bool keeps_pictures(const RecordedRun& recorded) {
  const nlohmann::json settings = recorded.request.value("pictures", nlohmann::json::object());
  return settings.is_object() && settings.contains("keep_images") &&
         settings["keep_images"] == "true";
}

/// Number of each recorded picture in its case.
std::vector<std::size_t> numbers_in_cases(const std::vector<RecordedPicture>& pictures) {
  std::vector<std::size_t> numbers;
  numbers.reserve(pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const bool follows = i > 0 && pictures[i].case_number == pictures[i - 1].case_number;
    numbers.push_back(follows ? numbers.back() + 1 : 0);
  }
  return numbers;
}

}  // namespace

Dataset picture_files_of(const std::vector<const PictureFile*>& pictures) {
  std::string all;
  std::vector<std::int64_t> sizes;
  sizes.reserve(pictures.size());
  for (const PictureFile* picture : pictures) {
    const std::string bytes = vision::read_picture_file(picture->path);
    require_unchanged(*picture, sha256_hex(bytes));
    all += bytes;
    sizes.push_back(static_cast<std::int64_t>(bytes.size()));
  }
  at::Tensor bytes = at::empty({static_cast<std::int64_t>(all.size())}, at::kByte);
  std::memcpy(bytes.data_ptr<std::uint8_t>(), all.data(), all.size());
  Dataset dataset;
  dataset.add(kFileBytes, {"byte"}, bytes, "1",
              "bytes of the picture files of the case, one file after the other");
  dataset.add(kFileSizes, {"picture"}, at::tensor(sizes, at::kLong), "bytes",
              "size of each picture file");
  return dataset;
}

std::string kept_picture(const ArchiveReader& archive, std::int64_t case_number,
                         std::size_t picture) {
  const std::vector<std::string> names = archive.names();
  if (std::find(names.begin(), names.end(), kPictureFiles) == names.end()) return {};
  const Dataset of_case = read_selection(archive.stored(kPictureFiles), {{case_number}});
  const at::Tensor bytes = values_of_case(of_case, kFileBytes, case_number);
  const at::Tensor sizes = values_of_case(of_case, kFileSizes, case_number);
  // A case that failed has no results.
  if (!bytes.defined() || !sizes.defined() || bytes.numel() == 0) return {};
  const std::string where = archive.path().string() + "/results/" + kPictureFiles;
  if (bytes.scalar_type() != at::kByte)
    throw InputError(where + ": damaged: " + kFileBytes + " are not bytes");
  const auto [first, count] = range_of(sizes, bytes.numel(), picture, where);
  return {reinterpret_cast<const char*>(bytes.data_ptr<std::uint8_t>()) + first,
          static_cast<std::size_t>(count)};
}

void place_kept_pictures(RecordedRun& recorded, const fs::path& folder) {
  if (!keeps_pictures(recorded)) return;
  nlohmann::json places = recorded.run.value("picture_paths", nlohmann::json::array());
  if (!places.is_array()) places = nlohmann::json::array();
  const std::vector<std::size_t> numbers = numbers_in_cases(recorded.pictures);
  // The list of an archive from elsewhere may have any length.
  while (places.size() < recorded.pictures.size())
    places.push_back(recorded.pictures[places.size()].name);
  for (std::size_t i = 0; i < recorded.pictures.size(); ++i) {
    const RecordedPicture& picture = recorded.pictures[i];
    const std::string bytes = ask_child({{recorded.file}}, [&] {
      return kept_picture(ArchiveReader(recorded.file),
                          static_cast<std::int64_t>(picture.case_number), numbers[i]);
    });
    if (bytes.empty()) continue;
    // Two cases may have different pictures of the same name. A name from an archive must not lead
    // out of the folder.
    const fs::path own = folder / ("picture-" + std::to_string(i));
    fs::create_directory(own);
    const fs::path place = own / fs::path(picture.name).filename();
    write_file_atomically(place, bytes);
    places[i] = place.string();
  }
  recorded.run["picture_paths"] = places;
}

}  // namespace lensbench
