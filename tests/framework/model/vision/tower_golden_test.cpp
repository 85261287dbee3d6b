// Streams of the vision tower, tokens, and the merger on every stream against float64 values of
// another program, which are in a folder shared with other projects: LENSBENCH_SHARED, or `shared`
// next to the checkout. Skipped where it is not. 5e-5 of the largest value, since float32 rounds.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <lensbench/activation_cache.hpp>
#include <lensbench/model.hpp>
#include <lensbench/vision.hpp>
#include <string>
#include <vector>

#include "archive/hdf5/hdf5.hpp"
#include "support/folders.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using lensbench::testing::largest;
using lensbench::testing::largest_difference;

fs::path golden_folder() {
  const char* given = std::getenv("LENSBENCH_SHARED");
  return fs::path(given != nullptr ? given : testing::source_folder() + "/../shared") / "golden" /
         "vision";
}

/// Datasets of one group of a file.
class GoldenCase {
 public:
  GoldenCase(const fs::path& file, const std::string& name)
      : file_(hdf5::open_file(file.string())), group_(hdf5::open_group(file_, name)) {}

  bool has(const char* name) const {
    return H5Lexists(group_, "vision", H5P_DEFAULT) > 0 && H5Lexists(group_, name, H5P_DEFAULT) > 0;
  }

  at::Tensor read(const std::string& name) const {
    const hdf5::Handle dataset(H5Dopen2(group_, name.c_str(), H5P_DEFAULT), H5Dclose);
    const hdf5::Handle space(H5Dget_space(hdf5::readable(dataset, name)), H5Sclose);
    hsize_t lengths[8] = {};
    const int axes = H5Sget_simple_extent_dims(space, lengths, nullptr);
    const std::vector<std::int64_t> shape(lengths, lengths + axes);
    at::Tensor values = at::empty(shape, at::kDouble);
    hdf5::readable(
        H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data_ptr()),
        name);
    return values;
  }

 private:
  hdf5::Handle file_, group_;
};

class TowerGolden : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!fs::exists(golden_folder() / (GetParam() + ".h5")))
      GTEST_SKIP() << golden_folder() << " is not here";
    hdf5::initialise();
    values.emplace(golden_folder() / (GetParam() + ".h5"), "gradient");
    ASSERT_TRUE(values->has("vision/block0"));
    model = Model::open((golden_folder() / GetParam()).string());
    const at::Tensor ids = values->read("input_ids").to(at::kLong);
    tokens.ids.assign(ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel());
    const at::Tensor grid = values->read("image_grid_thw")[0];
    PictureRows picture;
    picture.rows = values->read("pixel_values_f32").to(at::kFloat);
    picture.height = grid[1].item().toLong();
    picture.width = grid[2].item().toLong();
    tokens.pictures = {picture};
  }

  at::Tensor read(const std::string& hook) const {
    return run_with_cache(*model, make_batch(tokens), {hook}).cache[hook];
  }

  void expect_near(const at::Tensor& found, const std::string& name) const {
    const at::Tensor expected = values->read(name);
    ASSERT_EQ(found.sizes(), expected.sizes()) << name;
    EXPECT_LE(largest_difference(found, expected), 5e-5 * std::max(1.0, largest(expected))) << name;
  }

  static std::string block(std::int64_t number, const std::string& hook) {
    return "vision_encoder.blocks." + std::to_string(number) + "." + hook;
  }

  std::optional<GoldenCase> values;
  std::shared_ptr<const Model> model;
  Tokens tokens;
};

TEST_P(TowerGolden, HasTheStreamAfterEveryBlock) {
  expect_near(read("vision_encoder.hook_patch_embed"), "vision/patch_embed");
  for (std::int64_t number = 0; number < model->spec().vision->n_layers; ++number)
    expect_near(read(block(number, "hook_resid_post")), "vision/block" + std::to_string(number));
  expect_near(read("vision_projector.hook_out"), "vision/out");
}

TEST_P(TowerGolden, PlacesRowsByTheWindowIndex) {
  if (!values->has("vision/window_index")) GTEST_SKIP() << "this tower does not have windows";
  const at::Tensor index = values->read("vision/window_index").to(at::kLong);
  const auto parts = tower_patches(*model->spec().vision, tokens.pictures);
  ASSERT_EQ(static_cast<std::int64_t>(parts.size()), 4 * index.numel());
  const std::int64_t columns = tokens.pictures[0].width / 2;
  for (std::int64_t row = 0; row < 4 * index.numel(); ++row) {
    const std::int64_t token = index[row / 4].item<std::int64_t>();
    EXPECT_EQ(parts[static_cast<std::size_t>(row)],
              (PicturePart{0, 4 * token + row % 4, 0, 0, 2 * (token / columns) + row % 4 / 2,
                           2 * (token % columns) + row % 2}));
  }
  const at::Tensor starts = values->read("vision/cu_window_seqlens").to(at::kLong);
  const auto segments = tower_segments(*model->spec().vision, tokens.pictures, 0);
  EXPECT_TRUE(at::equal(at::tensor(segments, at::kLong), starts));
}

TEST_P(TowerGolden, HasTheMergerOnEveryStream) {
  const at::Tensor expected = values->read("vision/merged_after_block");
  const std::int64_t blocks = model->spec().vision->n_layers;
  ASSERT_EQ(expected.size(0), blocks + 1);
  for (std::int64_t after = 0; after <= blocks; ++after) {
    const at::Tensor stream =
        read(after == 0 ? block(0, "hook_resid_pre") : block(after - 1, "hook_resid_post"));
    const at::Tensor found = merge_patches(*model, tokens.pictures, stream);
    EXPECT_LE(largest_difference(found, expected[after]),
              5e-5 * std::max(1.0, largest(expected[after])))
        << after;
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, TowerGolden, ::testing::Values("qwen2_vl_tiny", "qwen2_5_vl_tiny"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace lensbench
