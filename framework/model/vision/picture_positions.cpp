#include "model/vision/picture_positions.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench {
namespace {

/// Tokens of a picture on its two sides and in time.
struct TokenGrid {
  std::int64_t frames, height, width;
  std::int64_t tokens() const { return frames * height * width; }
};

TokenGrid grid_of(const VisionSpec& spec, const PictureRows& picture) {
  return {picture.frames, picture.height / spec.merge_size, picture.width / spec.merge_size};
}

std::string described(const VisionSpec& spec, const std::vector<PictureRows>& pictures) {
  std::string text;
  for (const PictureRows& picture : pictures) {
    const TokenGrid grid = grid_of(spec, picture);
    text += (text.empty() ? "" : ", ") + std::to_string(grid.tokens()) + " (" +
            (grid.frames > 1 ? std::to_string(grid.frames) + " x " : "") +
            std::to_string(grid.height) + " x " + std::to_string(grid.width) + ")";
  }
  return text.empty() ? "none" : text;
}

/// One row of a batch: walks the runs of text and of placeholders.
class Walk {
 public:
  Walk(const VisionSpec& spec, const std::vector<PictureRows>& pictures, std::int64_t row,
       std::int64_t prompt)
      : spec_(spec), pictures_(pictures), row_(row), prompt_(prompt) {}

  /// \param ids  of the real tokens \param positions  [3] rows of the real tokens
  std::vector<PictureSpan> operator()(const std::int64_t* ids, std::int64_t count,
                                      std::int64_t padding,
                                      const std::array<std::int64_t*, 3>& positions) {
    std::vector<PictureSpan> spans;
    spans.reserve(pictures_.size());
    for (std::int64_t begin = 0; begin < count;) {
      std::int64_t end = begin + 1;
      const std::int64_t kind = kind_of(ids, begin);
      while (end < count && kind_of(ids, end) == kind) ++end;
      if (kind == 0) {
        for (std::int64_t i = begin; i < end; ++i)
          for (std::int64_t* axis : positions) axis[i] = next_ + i - begin;
        next_ += end - begin;
      } else {
        place(kind, begin, end, positions);
        spans.push_back({padding + begin, padding + end, next_ - end});
      }
      begin = end;
    }
    if (used_ < pictures_.size()) mismatch(0, 0);
    return spans;
  }

 private:
  /// 0: text, else the id of the placeholder.
  std::int64_t kind_of(const std::int64_t* ids, std::int64_t i) const {
    const bool placeholder = ids[i] == spec_.image_token_id || ids[i] == spec_.video_token_id;
    return placeholder && i < prompt_ ? ids[i] : 0;
  }

  [[noreturn]] void without_pictures(std::int64_t id, std::int64_t begin) const {
    throw UsageError("forward: token " + std::to_string(begin) + " of row " + std::to_string(row_) +
                     " is the placeholder " + std::to_string(id) +
                     " of a picture, but the row does not have pictures; leave the token out");
  }

  [[noreturn]] void mismatch(std::int64_t begin, std::int64_t end) const {
    throw UsageError(
        "forward: the placeholders of row " + std::to_string(row_) +
        " do not fit its pictures: tokens " + std::to_string(begin) + " to " + std::to_string(end) +
        " are a run of " + std::to_string(end - begin) + ", and the pictures have " +
        described(spec_, pictures_) +
        " tokens (rows x columns); give one placeholder for each token of a picture, and another "
        "token between two pictures");
  }

  void place(std::int64_t kind, std::int64_t begin, std::int64_t end,
             const std::array<std::int64_t*, 3>& positions) {
    if (pictures_.empty()) without_pictures(kind, begin);
    if (used_ == pictures_.size()) mismatch(begin, end);
    const PictureRows& picture = pictures_[used_++];
    const TokenGrid grid = grid_of(spec_, picture);
    if (grid.tokens() != end - begin) mismatch(begin, end);
    // transformers computes the time of a frame in float32.
    const bool timed = kind == spec_.video_token_id && spec_.tokens_per_second > 0;
    const auto step = static_cast<float>(timed ? spec_.tokens_per_second * picture.seconds : 1.0);
    std::int64_t i = begin;
    for (std::int64_t frame = 0; frame < grid.frames; ++frame) {
      const auto time = static_cast<std::int64_t>(static_cast<float>(frame) * step);
      for (std::int64_t y = 0; y < grid.height; ++y)
        for (std::int64_t x = 0; x < grid.width; ++x, ++i) {
          positions[0][i] = next_ + time;
          positions[1][i] = next_ + y;
          positions[2][i] = next_ + x;
        }
    }
    next_ += std::max(grid.height, grid.width);
  }

  const VisionSpec& spec_;
  const std::vector<PictureRows>& pictures_;
  std::int64_t row_, prompt_;
  std::size_t used_ = 0;
  std::int64_t next_ = 0;  ///< position of the next text token
};

}  // namespace

PicturePositions picture_positions(const VisionSpec& spec, const TokenBatch& tokens,
                                   const std::vector<std::int64_t>& padding,
                                   std::int64_t prompt_columns) {
  static const std::vector<PictureRows> none;
  const std::int64_t rows = tokens.batch_size(), length = tokens.length();
  const at::Tensor ids = tokens.ids.to(at::kCPU).contiguous();
  PicturePositions result;
  result.ids = at::zeros({3, rows, length}, at::kLong);
  result.spans.reserve(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto r = static_cast<std::size_t>(row);
    const std::int64_t padded = padding.empty() ? 0 : padding[r];
    std::array<std::int64_t*, 3> positions{};
    for (std::size_t axis = 0; axis < 3; ++axis)
      positions[axis] =
          result.ids[static_cast<std::int64_t>(axis)][row].data_ptr<std::int64_t>() + padded;
    Walk walk(spec, r < tokens.pictures.size() ? tokens.pictures[r] : none, row,
              prompt_columns - padded);
    result.spans.push_back(
        walk(ids[row].data_ptr<std::int64_t>() + padded, length - padded, padded, positions));
  }
  return result;
}

std::int64_t shift_at(const std::vector<PictureSpan>& spans, std::int64_t column) {
  std::int64_t shift = 0;
  for (const PictureSpan& span : spans) {
    if (column <= span.begin) break;
    if (column < span.end)
      throw UsageError("forward: the tokens continue a sequence at column " +
                       std::to_string(column) + ", inside the picture of columns " +
                       std::to_string(span.begin) + " to " + std::to_string(span.end) +
                       "; continue it after the picture");
    shift = span.shift;
  }
  return shift;
}

}  // namespace lensbench
