// Rotary positions of prompts with pictures and videos against a table of transformers 5.24.0,
// which is in a folder shared with other projects: LENSBENCH_SHARED, or `shared` next to the
// checkout. Skipped where it is not. Integers are equal.
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "model/vision/picture_positions.hpp"
#include "support/folders.hpp"

namespace lensbench {
namespace {

using Json = nlohmann::json;
using Integers = std::vector<std::int64_t>;

PictureRows rows_of(const Json& grid, double seconds) {
  PictureRows rows;
  rows.frames = grid.at(0);
  rows.height = grid.at(1);
  rows.width = grid.at(2);
  rows.seconds = seconds;
  return rows;
}

/// Pictures and videos in the order of their placeholders.
std::vector<PictureRows> pictures_of(const Json& one, const VisionSpec& spec) {
  std::vector<PictureRows> pictures;
  std::size_t images = 0, videos = 0;
  std::int64_t before = -1;
  for (const std::int64_t id : one.at("input_ids").get<Integers>()) {
    if (id != before && id == spec.image_token_id)
      pictures.push_back(rows_of(one.at("image_grid_thw").at(images++), 1.0));
    if (id != before && id == spec.video_token_id) {
      const double seconds = one.contains("second_per_grid_ts")
                                 ? one.at("second_per_grid_ts").at(videos).get<double>()
                                 : 1.0;
      pictures.push_back(rows_of(one.at("video_grid_thw").at(videos++), seconds));
    }
    before = id;
  }
  return pictures;
}

TEST(PicturePositionsGolden, AreThoseOfTransformersForPicturesAndVideos) {
  const char* given = std::getenv("LENSBENCH_SHARED");
  const std::filesystem::path file =
      std::filesystem::path(given != nullptr ? given : testing::source_folder() + "/../shared") /
      "golden" / "vision" / "rope_index.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not here";
  const Json table = Json::parse(std::ifstream(file));
  VisionSpec spec;
  spec.image_token_id = table.at("special_ids").at("<|image_pad|>");
  spec.video_token_id = table.at("special_ids").at("<|video_pad|>");
  ASSERT_FALSE(table.at("cases").empty());
  for (const Json& one : table.at("cases")) {
    SCOPED_TRACE(one.dump().substr(0, 200));
    spec.tokens_per_second = one.value("tokens_per_second", 0.0);
    TokenBatch batch{at::tensor(one.at("input_ids").get<Integers>(), at::kLong).unsqueeze(0), {}};
    batch.pictures = {pictures_of(one, spec)};
    const at::Tensor found = picture_positions(spec, batch, {}, batch.length()).ids.select(1, 0);
    std::vector<at::Tensor> axes;
    for (const Json& axis : one.at("position_ids"))
      axes.push_back(at::tensor(axis.get<Integers>(), at::kLong));
    EXPECT_TRUE(found.equal(at::stack(axes)));
    EXPECT_EQ(found.max().item<std::int64_t>() + 1 - batch.length(),
              one.at("rope_delta").get<std::int64_t>());
  }
}

}  // namespace
}  // namespace lensbench
