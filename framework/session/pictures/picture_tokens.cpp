#include "session/pictures/picture_tokens.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <filesystem>
#include <string>

#include "vision/geometry/rectangles.hpp"

namespace lensbench {
namespace {

/// Columns of the table, one entry for each token of a picture.
struct Columns {
  std::vector<std::int64_t> positions, images, rows, columns;
  std::vector<double> x0, y0, x1, y1;
};

Columns columns_of(const VisionSpec& spec, const Tokens& prompt,
                   const std::vector<const PictureFile*>& pictures) {
  Columns found;
  std::size_t at = 0;
  for (std::size_t picture = 0; picture < pictures.size(); ++picture) {
    const PictureFile& file = *pictures[picture];
    const auto rectangles = vision::token_rectangles(file.grid, spec.merge_size, file.upright);
    while (prompt.ids[at] != spec.image_token_id) ++at;
    for (std::size_t k = 0; k < rectangles.size(); ++k, ++at) {
      found.positions.push_back(static_cast<std::int64_t>(at));
      found.images.push_back(static_cast<std::int64_t>(picture));
      found.rows.push_back(static_cast<std::int64_t>(k) / file.record.token_columns);
      found.columns.push_back(static_cast<std::int64_t>(k) % file.record.token_columns);
      found.x0.push_back(rectangles[k].x0);
      found.y0.push_back(rectangles[k].y0);
      found.x1.push_back(rectangles[k].x1);
      found.y1.push_back(rectangles[k].y1);
    }
  }
  return found;
}

at::Tensor ints(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kInt);
}

void add_label(Dataset& dataset, const char* name, at::Tensor values, const char* meaning,
               const char* units = "1") {
  dataset.add({.name = name,
               .dims = {"image_token"},
               .tensor = std::move(values),
               .units = units,
               .long_name = meaning,
               .coordinate = true});
}

/// The axis of the tokens of pictures, with all of its coordinates.
void add_tokens(Dataset& dataset, const Columns& found) {
  const auto n = static_cast<std::int64_t>(found.positions.size());
  dataset.add_coordinate("image_token", at::arange(n, at::kInt),
                         "row of the axis of picture tokens");
  add_label(dataset, "case", at::zeros({n}, at::kInt), "number of the case");
  add_label(dataset, "position", ints(found.positions), "position in the sequence, from 0");
  add_label(dataset, "image", ints(found.images), "number of the picture in its case, from 0");
  add_label(dataset, "row", ints(found.rows), "row of the token in its picture, from 0");
  add_label(dataset, "column", ints(found.columns), "column of the token in its picture, from 0");
  const auto edge = [&](const char* name, const std::vector<double>& values, const char* meaning) {
    add_label(dataset, name, at::tensor(values, at::kDouble), meaning, "pixels");
  };
  edge("x0", found.x0, "left edge of the token's rectangle in the upright picture");
  edge("y0", found.y0, "upper edge of the token's rectangle in the upright picture");
  edge("x1", found.x1, "right edge of the token's rectangle in the upright picture");
  edge("y1", found.y1, "lower edge of the token's rectangle in the upright picture");
}

/// What is known about each picture of the case.
void add_pictures(Dataset& dataset, const std::vector<const PictureFile*>& pictures) {
  dataset.add_coordinate("picture", at::arange(std::ssize(pictures), at::kInt),
                         "number of the picture in its case");
  const auto numbers = [&](const char* name, std::int64_t PictureRecord::*member, const char* units,
                           const char* meaning) {
    std::vector<std::int64_t> values;
    values.reserve(pictures.size());
    for (const PictureFile* file : pictures) values.push_back(file->record.*member);
    dataset.add(name, {"picture"}, ints(values), units, meaning);
  };
  numbers("upright_width", &PictureRecord::upright_width, "pixels", "width of the upright picture");
  numbers("upright_height", &PictureRecord::upright_height, "pixels",
          "height of the upright picture");
  numbers("stored_width", &PictureRecord::stored_width, "pixels", "width in the file");
  numbers("stored_height", &PictureRecord::stored_height, "pixels", "height in the file");
  numbers("resized_width", &PictureRecord::resized_width, "pixels", "width that the model reads");
  numbers("resized_height", &PictureRecord::resized_height, "pixels",
          "height that the model reads");
  numbers("orientation", &PictureRecord::orientation, "1", "orientation of EXIF, 1 to 8");
  std::vector<std::string> names, hashes;
  for (const PictureFile* file : pictures) {
    names.push_back(file->record.name);
    hashes.push_back(file->record.sha256);
  }
  dataset.attributes["picture_names"] = std::move(names);
  dataset.attributes["picture_sha256"] = std::move(hashes);
}

}  // namespace

Dataset picture_tokens_of(const VisionSpec& spec, const Tokens& prompt,
                          const std::vector<const PictureFile*>& pictures) {
  Dataset dataset;
  add_tokens(dataset, columns_of(spec, prompt, pictures));
  add_pictures(dataset, pictures);
  return dataset;
}

}  // namespace lensbench
