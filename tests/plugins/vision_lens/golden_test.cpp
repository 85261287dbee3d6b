// The lens at the tokens of pictures against a float64 program in numpy, whose values are in a
// folder shared with other projects: LENSBENCH_SHARED, or `shared` next to the checkout. Skipped
// where it is not. The program agrees with transformers 5.24.0, in whose float32 logits differ by
// up to 5e-6 of the largest; 5e-5 is allowed.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "support/bench.hpp"
#include "support/folders.hpp"
#include "vision/prepare.hpp"
#include "vision_lens/vision_lens.hpp"

namespace lensbench::vision_lens {
namespace {

using Json = nlohmann::json;

constexpr double kTolerance = 5e-5;

/// A dataset of the file, as float64.
at::Tensor read(hid_t file, const std::string& path) {
  const hid_t dataset = H5Dopen2(file, path.c_str(), H5P_DEFAULT);
  EXPECT_GE(dataset, 0) << path;
  const hid_t space = H5Dget_space(dataset);
  std::vector<hsize_t> extents(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
  H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  const at::Tensor values =
      at::empty(std::vector<std::int64_t>(extents.begin(), extents.end()), at::kDouble);
  EXPECT_GE(
      H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data_ptr<double>()),
      0);
  H5Sclose(space);
  H5Dclose(dataset);
  return values;
}

/// Name of a checkpoint and of one of its prompts.
struct Sample {
  std::string model, prompt;
  friend std::ostream& operator<<(std::ostream& out, const Sample& sample) {
    return out << sample.model << "/" << sample.prompt;
  }
};

class VisionLensGolden : public ::testing::TestWithParam<Sample> {
 protected:
  void SetUp() override {
    const char* given = std::getenv("LENSBENCH_SHARED");
    folder =
        std::filesystem::path(given != nullptr ? given : testing::source_folder() + "/../shared") /
        "golden" / "vision";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not here";
    file = H5Fopen((folder / (GetParam().model + ".h5")).c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    index = Json::parse(std::ifstream(folder / "index.json"));
    limits.min_pixels = index.at("limits_small").at(0);
    limits.max_pixels = index.at("limits_small").at(1);
  }
  void TearDown() override {
    if (file >= 0) H5Fclose(file);
  }

  at::Tensor golden(const std::string& name) const {
    return read(file, GetParam().prompt + "/" + name);
  }
  const Json& facts() const {
    return index.at("models").at(GetParam().model).at("cases").at(GetParam().prompt);
  }
  Tokens prompt() const {
    const at::Tensor ids = golden("input_ids").to(at::kLong).contiguous();
    Tokens tokens = tokens_from_ids(
        *bench.model, {ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel()});
    for (const Json& name : facts().at("images")) {
      const auto picture = prepare(name);
      PictureRows rows;
      rows.rows = at::tensor(picture.rows.values).view({-1, 1176});
      rows.height = picture.rows.grid.height;
      rows.width = picture.rows.grid.width;
      tokens.pictures.push_back(std::move(rows));
    }
    return tokens;
  }
  vision::PreparedPicture prepare(const std::string& name) const {
    vision::PictureSettings settings;
    settings.limits = limits;
    return vision::prepare_picture(vision::read_picture_file(folder / "images" / name), name,
                                   settings);
  }
  std::vector<Picture> files() const {
    std::vector<Picture> pictures;
    for (const Json& name : facts().at("images")) {
      const auto size = prepare(name).decoded.upright.size;
      pictures.push_back({name, "", size.width, size.height});
    }
    return pictures;
  }

  /// Values [layer, n, ...] at the tokens of pictures.
  at::Tensor at_image_tokens(const at::Tensor& values) const {
    return values.index_select(1, golden("image_token").to(at::kLong));
  }
  static void expect_near(const at::Tensor& values, const at::Tensor& expected) {
    const at::Tensor wide = values.to(at::kDouble);
    ASSERT_EQ(wide.sizes(), expected.sizes());
    EXPECT_LE((wide - expected).abs().max().item<double>(),
              kTolerance * std::max(1.0, expected.abs().max().item<double>()));
  }

  std::filesystem::path folder;
  hid_t file = -1;
  Json index;
  vision::PixelLimits limits;
  testing::ToolBench<VisionLensTool> bench{Model::open(shared_model(GetParam().model)), {1}};

 private:
  /// The fixture is made before `SetUp` can skip, so that another model is opened then.
  static std::string shared_model(const std::string& name) {
    const char* given = std::getenv("LENSBENCH_SHARED");
    const std::string path =
        std::string(given != nullptr ? given : testing::source_folder() + "/../shared") +
        "/golden/vision/" + name;
    return std::filesystem::exists(path) ? path
                                         : testing::data_folder() + "/vision_models/qwen2_vl";
  }
};

TEST_P(VisionLensGolden, MapsOfEveryLayerAreThoseOfAnIndependentProgram) {
  VisionLensOptions options;
  for (const auto& [name, ids] : index.at("concepts").items()) {
    Concept one{name, {}};
    for (const Json& id : ids) one.forms.push_back(std::to_string(id.get<std::int64_t>()));
    options.concepts.push_back(std::move(one));
  }
  options.residual = true;
  const Dataset result = bench.tool.analyze(prompt(), options, files());
  for (const Receipt& receipt : result.receipts) EXPECT_TRUE(receipt.passed) << receipt.name;
  expect_near(result["entropy"].tensor, at_image_tokens(golden("lens_entropy")));
  EXPECT_TRUE(result["top_id"]
                  .tensor.select(2, 0)
                  .to(at::kDouble)
                  .equal(at_image_tokens(golden("lens_top1"))));
  const at::Tensor last_entropy = golden("lens_entropy").select(1, -1);
  expect_near(result["answer_entropy"].tensor, last_entropy);
  expect_near(result["answer_kl_final_to_layer"].tensor,
              golden("lens_kl_last_to_layer").select(1, -1));
  for (std::size_t i = 0; i < options.concepts.size(); ++i) {
    SCOPED_TRACE(options.concepts[i].name);
    const at::Tensor expected = golden("concept_log_probability/" + options.concepts[i].name);
    const auto column = static_cast<std::int64_t>(i);
    expect_near(result["concept_log_probability"].tensor.select(2, column),
                at_image_tokens(expected));
    expect_near(result["answer_concept_log_probability"].tensor.select(1, column),
                expected.select(1, -1));
  }
}

// The final norm and the unembedding, in float64, on what the program has after each block.
TEST_P(VisionLensGolden, TheTowerLensDecodesTheMergerOnEveryStreamOfTheTower) {
  if (GetParam().prompt != "gradient")
    GTEST_SKIP() << "the file does not have the merger on every stream for this prompt";
  VisionLensOptions options;
  options.tower = true;
  options.concepts = {{"a", {"258", "266"}}};
  const Dataset result = bench.tool.analyze(prompt(), options, files());
  for (const Receipt& receipt : result.receipts) EXPECT_TRUE(receipt.passed) << receipt.name;
  const at::Tensor x = golden("vision/merged_after_block");
  const at::Tensor gain = bench.model->weight("ln_final.w").to(at::kDouble);
  const at::Tensor normed =
      x / (x.pow(2).mean(-1, true) + bench.model->spec().norm.epsilon).sqrt() * gain;
  const at::Tensor log_p =
      normed.matmul(bench.model->unembedding().weight.to(at::kDouble).t()).log_softmax(-1);
  expect_near(result["tower_concept_log_probability"].tensor.select(2, 0),
              log_p.index_select(2, at::tensor({258, 266}, at::kLong)).logsumexp(2));
  expect_near(result["tower_entropy"].tensor, -(log_p.exp() * log_p).sum(2));
}

TEST_P(VisionLensGolden, RectanglesAreThoseOfTheUprightPicture) {
  const Dataset result = bench.tool.analyze(prompt(), {}, files());
  const at::Tensor expected = golden("rectangles_upright");
  for (const auto& [name, column] :
       std::map<std::string, int>{{"x0", 0}, {"y0", 1}, {"x1", 2}, {"y1", 3}})
    EXPECT_LE((result[name].tensor - expected.select(1, column)).abs().max().item<double>(), 1e-9)
        << name;
  EXPECT_TRUE(result["position"].tensor.to(at::kDouble).equal(golden("image_token")));
  EXPECT_TRUE(result["image"].tensor.to(at::kDouble).equal(golden("image_of_token")));
}

TEST_P(VisionLensGolden, RanksCountStrictlyLargerLogits) {
  VisionLensOptions options;
  options.concepts = {{"a", {"220", "258", "266", "270"}}};
  const Dataset result = bench.tool.analyze(prompt(), options, {});
  const at::Tensor positions = golden("positions").to(at::kLong).contiguous();
  const at::Tensor logits = golden("lens_logits"), places = result["position"].tensor;
  int compared = 0;
  for (std::int64_t i = 0; i < positions.numel(); ++i) {
    const at::Tensor token = places.eq(positions[i].item<std::int64_t>()).nonzero();
    if (token.numel() == 0) continue;
    const at::Tensor at_position = logits.select(1, i);
    const at::Tensor best = std::get<0>(
        at_position.index_select(1, at::tensor({220, 258, 266, 270}, at::kLong)).max(1, true));
    // Logits nearer than float32 can tell would decide the rank by rounding.
    if ((at_position - best).abs().add(at_position.eq(best).to(at::kDouble)).min().item<double>() <
        1e-4)
      continue;
    const at::Tensor expected = at_position.gt(best).sum(1) + 1;
    EXPECT_TRUE(result["concept_rank"]
                    .tensor.select(1, token.item<std::int64_t>())
                    .reshape({-1})
                    .to(at::kLong)
                    .equal(expected));
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST_P(VisionLensGolden, TextsAfterThePromptAreScoredAtEveryLayer) {
  if (GetParam().model != "qwen2_5_vl_tiny" || GetParam().prompt != "fundus")
    GTEST_SKIP() << "the file does not have a sequence for this prompt";
  const at::Tensor ids = golden("sequence/ids").to(at::kLong).contiguous();
  VisionLensOptions options;
  options.answers = {bench.model->tokenizer()->decode(
      {ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel()})};
  const Dataset result = bench.tool.analyze(prompt(), options, {});
  EXPECT_EQ(result["continuation_tokens"].tensor.item<std::int64_t>(), ids.numel());
  expect_near(result["continuation_log_probability"].tensor.select(1, 0),
              golden("sequence/token_log_probability").sum(1));
  EXPECT_EQ(result["continuation_share"].tensor.min().item<double>(), 1.0);
}

INSTANTIATE_TEST_SUITE_P(Prompts, VisionLensGolden,
                         ::testing::Values(Sample{"qwen2_vl_tiny", "gradient"},
                                           Sample{"qwen2_vl_tiny", "fundus"},
                                           Sample{"qwen2_5_vl_tiny", "gradient"},
                                           Sample{"qwen2_5_vl_tiny", "fundus"},
                                           Sample{"qwen2_5_vl_tiny", "rotated"}));

}  // namespace
}  // namespace lensbench::vision_lens
