#include "model/vision/tower_places.hpp"

#include "model/vision/tower_sequence.hpp"

namespace lensbench {
namespace {

using Parts = std::vector<PicturePart>;

TowerPlaces::Place place_of(Parts parts, const std::vector<std::int64_t>& of_sequence) {
  SequencePlace place;
  place.columns = place.prompt_columns = static_cast<std::int64_t>(parts.size());
  place.parts = std::move(parts);
  place.parts_of_sequence = of_sequence;
  return std::make_shared<const SequencePlace>(std::move(place));
}

/// Patches of all rows of the batch as they are given.
Parts patches_of(const VisionSpec& spec, const std::vector<std::vector<PictureRows>>& pictures,
                 std::vector<std::int64_t>& of_sequence) {
  Parts parts;
  for (std::size_t row = 0; row < pictures.size(); ++row) {
    const auto places = vision::patch_places(patch_grids(pictures[row]), spec.merge_size);
    std::int64_t number = 0;
    for (const vision::PatchPlace& place : places)
      parts.push_back({static_cast<std::int64_t>(row), number++, place.picture, place.frame,
                       place.row, place.column});
    of_sequence.push_back(number);
  }
  return parts;
}

/// Tokens: each has the place of its first patch, in units of tokens.
Parts tokens_of(const VisionSpec& spec, const Parts& patches) {
  Parts tokens;
  const std::int64_t unit = spec.patches_of_token();
  tokens.reserve(patches.size() / static_cast<std::size_t>(unit));
  for (std::size_t i = 0; i < patches.size(); i += static_cast<std::size_t>(unit)) {
    PicturePart token = patches[i];
    token.number /= unit;
    token.row /= spec.merge_size;
    token.column /= spec.merge_size;
    tokens.push_back(token);
  }
  return tokens;
}

Parts as_computed(const VisionSpec& spec, const std::vector<std::vector<PictureRows>>& pictures,
                  const Parts& given) {
  if (spec.window_size == 0) return given;
  std::vector<vision::PatchGrid> grids;
  for (const auto& row : pictures)
    for (const vision::PatchGrid& grid : patch_grids(row)) grids.push_back(grid);
  const auto order = vision::window_order(grids, patch_shape(spec), spec.window_size);
  Parts parts;
  parts.reserve(given.size());
  for (const std::int64_t patch : patch_order(spec, order))
    parts.push_back(given[static_cast<std::size_t>(patch)]);
  return parts;
}

}  // namespace

TowerPlaces tower_places(const VisionSpec& spec,
                         const std::vector<std::vector<PictureRows>>& pictures) {
  std::vector<std::int64_t> patches;
  const Parts given = patches_of(spec, pictures, patches);
  std::vector<std::int64_t> tokens = patches;
  for (std::int64_t& count : tokens) count /= spec.patches_of_token();
  return {place_of(given, patches), place_of(as_computed(spec, pictures, given), patches),
          place_of(tokens_of(spec, given), tokens)};
}

std::vector<TowerPlaces::Place> segment_places(const SequencePlace& computed,
                                               const std::vector<std::int64_t>& starts) {
  std::vector<TowerPlaces::Place> places;
  places.reserve(starts.size());
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    SequencePlace place;
    place.columns = place.prompt_columns = starts[i + 1] - starts[i];
    place.parts.assign(computed.parts.begin() + starts[i], computed.parts.begin() + starts[i + 1]);
    place.parts_of_sequence = computed.parts_of_sequence;
    place.segment = static_cast<std::int64_t>(i);
    place.segments = static_cast<std::int64_t>(starts.size()) - 1;
    places.push_back(std::make_shared<const SequencePlace>(std::move(place)));
  }
  return places;
}

}  // namespace lensbench
