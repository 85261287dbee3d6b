#include "image_tokens.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/vision.hpp>
#include <string>
#include <utility>

namespace lensbench::vision_lens {
namespace {

/// Tokens of a picture from left to right and from top to bottom.
std::pair<std::int64_t, std::int64_t> columns_and_rows(const VisionSpec& spec,
                                                       const PictureRows& picture) {
  return {picture.width / spec.merge_size, picture.height / spec.merge_size};
}

void add_label(Dataset& dataset, const char* name, at::Tensor values, const char* long_name,
               const char* units = "1") {
  dataset.add({.name = name,
               .dims = {"image_token"},
               .tensor = std::move(values),
               .units = units,
               .long_name = long_name,
               .coordinate = true});
}

at::Tensor column_of(const std::vector<ImageToken>& tokens, std::int64_t ImageToken::*member) {
  std::vector<std::int64_t> values;
  values.reserve(tokens.size());
  for (const ImageToken& token : tokens) values.push_back(token.*member);
  return at::tensor(values, at::kLong).to(at::kInt);
}

bool sizes_known(const std::vector<Picture>& pictures, std::size_t count) {
  return pictures.size() == count &&
         std::all_of(pictures.begin(), pictures.end(), [](const Picture& picture) {
           return picture.width > 0 && picture.height > 0;
         });
}

/// Edges of the rectangles. All rectangles of a picture have the same size, since the picture was
/// stretched to a whole number of them.
void add_rectangles(Dataset& dataset, const std::vector<ImageToken>& tokens, const VisionSpec& spec,
                    const std::vector<PictureRows>& rows, const std::vector<Picture>& pictures) {
  std::vector<double> x0, y0, x1, y1;
  for (auto* edges : {&x0, &y0, &x1, &y1}) edges->reserve(tokens.size());
  for (const ImageToken& token : tokens) {
    const auto picture = static_cast<std::size_t>(token.image);
    const auto [columns, lines] = columns_and_rows(spec, rows[picture]);
    const auto edge = [](std::int64_t part, std::int64_t parts, std::int64_t pixels) {
      return static_cast<double>(part * pixels) / static_cast<double>(parts);
    };
    x0.push_back(edge(token.column, columns, pictures[picture].width));
    x1.push_back(edge(token.column + 1, columns, pictures[picture].width));
    y0.push_back(edge(token.row, lines, pictures[picture].height));
    y1.push_back(edge(token.row + 1, lines, pictures[picture].height));
  }
  const auto add = [&](const char* name, const std::vector<double>& values, const char* meaning) {
    add_label(dataset, name, at::tensor(values, at::kDouble), meaning, "pixels");
  };
  add("x0", x0, "left edge of the token's rectangle in the upright picture");
  add("y0", y0, "upper edge of the token's rectangle in the upright picture");
  add("x1", x1, "right edge of the token's rectangle in the upright picture");
  add("y1", y1, "lower edge of the token's rectangle in the upright picture");
}

}  // namespace

std::vector<ImageToken> image_tokens(const VisionSpec& spec, const Tokens& tokens,
                                     std::int64_t every) {
  if (tokens.pictures.empty())
    throw UsageError(
        "vision_lens: the prompt has 0 pictures, expected at least one; give --image "
        "FILE, or use logit_lens for a text");
  for (const PictureRows& picture : tokens.pictures)
    if (picture.frames != 1)
      throw UsageError("vision_lens: a picture has " + std::to_string(picture.frames) +
                       " pairs of frames, expected 1: videos are not supported");
  const std::vector<PicturePart> parts = picture_tokens(spec, tokens.pictures);
  std::vector<ImageToken> found;
  std::size_t next = 0;
  std::int64_t in_picture = 0;  // number of the token in its picture
  for (std::size_t position = 0; position < tokens.ids.size() && next < parts.size(); ++position) {
    if (tokens.ids[position] != spec.image_token_id) continue;
    const PicturePart& part = parts[next];
    if (next > 0 && part.picture != parts[next - 1].picture) in_picture = 0;
    if (in_picture++ % every == 0)
      found.push_back({static_cast<std::int64_t>(position), part.picture, part.row, part.column,
                       static_cast<std::int64_t>(next)});
    ++next;
  }
  if (next < parts.size())
    throw UsageError("vision_lens: the prompt has " + std::to_string(next) +
                     " placeholders, but its pictures have " + std::to_string(parts.size()) +
                     " tokens");
  return found;
}

at::Tensor positions_of(const std::vector<ImageToken>& tokens) {
  return column_of(tokens, &ImageToken::position).to(at::kLong);
}

at::Tensor numbers_of(const std::vector<ImageToken>& tokens) {
  return column_of(tokens, &ImageToken::number).to(at::kLong);
}

void add_image_token_axis(Dataset& dataset, const std::vector<ImageToken>& image_tokens,
                          const VisionSpec& spec, const Tokens& tokens,
                          const std::vector<Picture>& pictures) {
  const auto n = static_cast<std::int64_t>(image_tokens.size());
  dataset.add_coordinate("image_token", at::arange(n, at::kInt),
                         "row of the axis of picture tokens");
  add_label(dataset, "case", at::zeros({n}, at::kInt), "number of the case");
  add_label(dataset, "position", column_of(image_tokens, &ImageToken::position),
            "position in the sequence, from 0");
  add_label(dataset, "image", column_of(image_tokens, &ImageToken::image),
            "number of the picture in its prompt, from 0");
  add_label(dataset, "row", column_of(image_tokens, &ImageToken::row),
            "row of the token in its picture, from 0");
  add_label(dataset, "column", column_of(image_tokens, &ImageToken::column),
            "column of the token in its picture, from 0");
  if (sizes_known(pictures, tokens.pictures.size()))
    add_rectangles(dataset, image_tokens, spec, tokens.pictures, pictures);
}

}  // namespace lensbench::vision_lens
