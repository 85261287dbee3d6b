#include "session/pictures/picture_store.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <lensbench/error.hpp>
#include <utility>

#include "core/text/utf8.hpp"
#include "vision/prepare.hpp"

// Picture files of a run. All are read before the first case, so that one that cannot be read stops
// the run at its beginning; a folder of pictures has more pixels than memory holds, so that the
// rows of most are read a second time.

namespace lensbench {
namespace {

vision::PreparedPicture prepare(const std::string& path, const PictureReading& reading) {
  return vision::prepare_picture(vision::read_picture_file(path), path, reading.settings,
                                 reading.decode, reading.order);
}

std::string changes_of(const vision::DecodedPicture& picture) {
  std::string text;
  const auto add = [&](bool done, const char* what) {
    if (done) text += (text.empty() ? "" : ", ") + std::string(what);
  };
  add(picture.alpha_dropped, "alpha dropped");
  add(picture.alpha_blended, "alpha blended onto white");
  add(picture.key_whitened, "transparent colour made white");
  add(picture.sixteen_reduced, "16 bits reduced to 8");
  return text;
}

PictureRecord record_of(const std::string& path, const vision::PreparedPicture& prepared,
                        std::int64_t merge) {
  const vision::DecodedPicture& decoded = prepared.decoded;
  PictureRecord record;
  record.name = replace_invalid_utf8(std::filesystem::path(path).filename().string());
  record.sha256 = prepared.file_sha256;
  record.rgb_sha256 = prepared.decoded_sha256;
  record.format = vision::name_of(decoded.format);
  record.changes = changes_of(decoded);
  record.orientation = decoded.orientation;
  record.stored_width = decoded.stored.width;
  record.stored_height = decoded.stored.height;
  record.upright_width = decoded.upright.size.width;
  record.upright_height = decoded.upright.size.height;
  record.resized_width = prepared.resized.size.width;
  record.resized_height = prepared.resized.size.height;
  record.token_columns = prepared.rows.grid.width / merge;
  record.token_rows = prepared.rows.grid.height / merge;
  return record;
}

at::Tensor tensor_of(const vision::PixelRows& rows) {
  const std::int64_t patches = rows.grid.patches();
  at::Tensor tensor =
      at::empty({patches, static_cast<std::int64_t>(rows.values.size()) / patches}, at::kFloat);
  std::memcpy(tensor.data_ptr<float>(), rows.values.data(), rows.values.size() * sizeof(float));
  return tensor;
}

}  // namespace

void require_unchanged(const PictureFile& picture, const std::string& sha256) {
  if (sha256 == picture.record.sha256) return;
  throw InputError(picture.path + ": the picture has changed since the run began (SHA-256 was " +
                   picture.record.sha256 + ", is " + sha256 + "); run the command again");
}

PictureStore::PictureStore(PictureReading reading, std::int64_t most_bytes)
    : reading_(std::move(reading)), most_bytes_(most_bytes) {}

std::size_t PictureStore::add(const std::string& path) {
  const auto known = numbers_.find(path);
  if (known != numbers_.end()) return known->second;
  const vision::PreparedPicture prepared = prepare(path, reading_);
  const std::size_t number = files_.size();
  files_.push_back({path, record_of(path, prepared, reading_.settings.shape.merge),
                    prepared.rows.grid, prepared.decoded.upright.size});
  numbers_[path] = number;
  keep(number, tensor_of(prepared.rows));
  return number;
}

PictureRows PictureStore::rows(std::size_t number) const {
  const PictureFile& file = files_.at(number);
  PictureRows rows;
  rows.frames = file.grid.time;
  rows.height = file.grid.height;
  rows.width = file.grid.width;
  const auto kept = std::find_if(kept_.begin(), kept_.end(),
                                 [&](const Kept& one) { return one.number == number; });
  if (kept != kept_.end()) {
    std::rotate(kept, kept + 1, kept_.end());
    rows.rows = kept_.back().rows;
    return rows;
  }
  const vision::PreparedPicture prepared = prepare(file.path, reading_);
  require_unchanged(file, prepared.file_sha256);
  rows.rows = keep(number, tensor_of(prepared.rows));
  return rows;
}

const at::Tensor& PictureStore::keep(std::size_t number, at::Tensor rows) const {
  kept_.push_back({number, std::move(rows)});
  std::int64_t bytes = 0;
  for (const Kept& one : kept_) bytes += static_cast<std::int64_t>(one.rows.nbytes());
  while (bytes > most_bytes_ && kept_.size() > 1) {
    bytes -= static_cast<std::int64_t>(kept_.front().rows.nbytes());
    kept_.erase(kept_.begin());
  }
  return kept_.back().rows;
}

}  // namespace lensbench
