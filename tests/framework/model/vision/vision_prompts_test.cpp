// Prompts with pictures that a model refuses, and text without pictures.
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "checkpoint/weights/safetensors.hpp"
#include "model/vision/picture_positions.hpp"
#include "support/embedded_model.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"
#include "vision_samples.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::VisionSample;

class VisionPrompts : public ::testing::Test {
 protected:
  VisionSample sample{"qwen2_5_vl", "two_pictures"};
  std::shared_ptr<const Model> model =
      Model::open(testing::data_folder() + "/vision_models/qwen2_5_vl");
  const VisionSpec& spec = *model->spec().vision;
  Tokens tokens = sample.tokens(spec);

  std::string refusal(const Tokens& prompt, const ForwardOptions& options = {}) const {
    try {
      model->forward(make_batch(prompt), options);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "not refused";
  }
};

TEST_F(VisionPrompts, PlaceholdersNeedPictures) {
  tokens.pictures.clear();
  EXPECT_THAT(refusal(tokens), HasSubstr("token 1 of row 0 is the placeholder 60 of a picture, but "
                                         "the row does not have pictures"));
}

TEST_F(VisionPrompts, TheEmbeddingOfAPlaceholderCanBeRead) {
  Tokens all;
  for (std::int64_t id = 0; id < model->spec().vocab_size; ++id) all.ids.push_back(id);
  ForwardOptions options;
  options.stop_at_layer = 0;
  EXPECT_EQ(refusal(all, options), "not refused");
}

TEST_F(VisionPrompts, EveryTokenOfAPictureNeedsAPlaceholder) {
  tokens.ids.erase(tokens.ids.begin() + 1);
  EXPECT_THAT(refusal(tokens),
              HasSubstr("a run of 5, and the pictures have 6 (2 x 3), 10 (5 x 2)"));
}

TEST_F(VisionPrompts, APictureWithoutPlaceholdersIsRefused) {
  tokens.ids.resize(9);  // the first picture and what follows it
  EXPECT_THAT(refusal(tokens), HasSubstr("do not fit its pictures"));
}

TEST_F(VisionPrompts, PicturesInTheOtherOrderAreRefused) {
  std::swap(tokens.pictures[0], tokens.pictures[1]);
  EXPECT_THAT(refusal(tokens), HasSubstr("do not fit its pictures"));
}

TEST_F(VisionPrompts, TwoPicturesNeedATokenBetweenThem) {
  Tokens joined = tokens;
  joined.ids.erase(std::remove_if(joined.ids.begin() + 1, joined.ids.end() - 1,
                                  [&](std::int64_t id) { return id != spec.image_token_id; }),
                   joined.ids.end() - 1);
  EXPECT_THAT(refusal(joined), HasSubstr("another token between two pictures"));
}

TEST_F(VisionPrompts, RowsOfPatchesAreChecked) {
  tokens.pictures[0].rows = tokens.pictures[0].rows.narrow(1, 0, 100);
  EXPECT_THAT(refusal(tokens), HasSubstr("has rows [24, 100]; expected [24, 1176]"));
}

TEST_F(VisionPrompts, ASequenceIsNotContinuedByAPicture) {
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  Tokens text;
  text.ids = {3, 4};
  model->forward(make_batch(text), options);
  EXPECT_THAT(refusal(tokens, options), HasSubstr("give these with its first tokens"));
}

TEST_F(VisionPrompts, APrefixDoesNotEndInsideAPicture) {
  KeyValueCache cache;
  ForwardOptions fill;
  fill.cache = &cache;
  model->forward(make_batch(tokens), fill);
  ForwardOptions options;
  options.prefix = &cache;
  options.prefix_columns = 4;
  Tokens text;
  text.ids = {3};
  EXPECT_THAT(refusal(text, options), HasSubstr("inside the picture of columns 1 to 7"));
}

TEST_F(VisionPrompts, AGeneratedPlaceholderCountsAsText) {
  ForwardOptions options;
  options.prompt_length = tokens.size();
  KeyValueCache cache;
  options.cache = &cache;
  model->forward(make_batch(tokens), options);
  Tokens placeholder;
  placeholder.ids = {spec.image_token_id};
  const at::Tensor continued = model->forward(make_batch(placeholder), options).logits[0][0];
  tokens.ids.push_back(spec.image_token_id);
  options.cache = nullptr;
  const at::Tensor whole = model->forward(make_batch(tokens), options).logits[0];
  EXPECT_LE(testing::largest_difference(continued, whole[tokens.size() - 1]), 1e-4);
}

TEST_F(VisionPrompts, ModelsOfTextRefusePictures) {
  const auto text_model = Model::open(testing::kModel);
  Tokens prompt;
  prompt.ids = {1, 2, 3};
  prompt.pictures = {tokens.pictures[0]};
  EXPECT_THROW(text_model->forward(make_batch(prompt)), UsageError);
}

// A token of a picture has its row and its column in addition to the position of the picture; the
// text goes on from the largest position, here 1 + max(2, 3).
TEST(PicturePositions, FollowRowsAndColumns) {
  VisionSpec spec;
  spec.image_token_id = 60;
  spec.video_token_id = 61;
  PictureRows picture;
  picture.height = 4;
  picture.width = 6;
  TokenBatch batch{at::tensor({5, 60, 60, 60, 60, 60, 60, 7}, at::kLong).unsqueeze(0), {}};
  batch.pictures = {{picture}};
  const PicturePositions found = picture_positions(spec, batch, {}, batch.length());
  const at::Tensor expected = at::tensor({0, 1, 1, 1, 1, 1, 1, 4,  // time
                                          0, 1, 1, 1, 2, 2, 2, 4,  // rows
                                          0, 1, 2, 3, 1, 2, 3, 4},
                                         at::kLong)
                                  .view({3, 1, 8});
  EXPECT_TRUE(at::equal(found.ids, expected)) << found.ids;
  EXPECT_EQ(shift_at(found.spans[0], 7), -3);
  EXPECT_EQ(shift_at(found.spans[0], 1), 0);
}

// Frames of a video are `tokens_per_second` times their seconds apart; those of a picture are not.
TEST(PicturePositions, FollowTheTimeOfAVideo) {
  VisionSpec spec;
  spec.image_token_id = 60;
  spec.video_token_id = 61;
  spec.tokens_per_second = 2;
  PictureRows video;
  video.frames = 3;
  video.height = video.width = 2;
  video.seconds = 1.5;
  TokenBatch batch{at::tensor({5, 61, 61, 61, 7}, at::kLong).unsqueeze(0), {}};
  batch.pictures = {{video}};
  const at::Tensor found = picture_positions(spec, batch, {}, batch.length()).ids;
  EXPECT_TRUE(at::equal(found.select(1, 0)[0], at::tensor({0, 1, 4, 7, 2}, at::kLong))) << found;
  batch.ids = at::tensor({5, 60, 60, 60, 7}, at::kLong).unsqueeze(0);
  const at::Tensor picture = picture_positions(spec, batch, {}, batch.length()).ids;
  EXPECT_TRUE(at::equal(picture.select(1, 0)[0], at::tensor({0, 1, 2, 3, 2}, at::kLong)));
}

/// The text model of a checkpoint as a checkpoint of Qwen2.
void write_text_model(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::string module = "model.language_model.";
  std::ifstream file(from / "config.json");
  nlohmann::json config = nlohmann::json::parse(file);
  nlohmann::json text = config["text_config"];
  text["model_type"] = "qwen2";
  text["tie_word_embeddings"] = config["tie_word_embeddings"];
  text["rope_theta"] = text["rope_parameters"]["rope_theta"];
  text.erase("rope_parameters");
  std::ofstream(to / "config.json") << text;
  const SafetensorsFile weights(from / "model.safetensors");
  std::map<std::string, std::string> sources;
  std::vector<SafetensorsTensor> tensors;
  for (const auto& [name, entry] : weights.entries()) {
    if (name.starts_with("model.visual.")) continue;
    const std::string own = name.starts_with(module) ? "model." + name.substr(module.size()) : name;
    sources[own] = name;
    tensors.push_back({own, entry.dtype, entry.shape});
  }
  write_safetensors(to / "model.safetensors", tensors, [&](const SafetensorsTensor& wanted) {
    return weights.tensor(sources.at(wanted.name));
  });
}

TEST(VisionModel, ReadsTextWithTheBitsOfQwen2) {
  const std::filesystem::path folder = testing::data_folder() + "/vision_models/qwen2_5_vl";
  const testing::TempDir text_folder;
  write_text_model(folder, text_folder.path());
  const auto model = Model::open(folder.string());
  const auto text_model = Model::open(text_folder.path().string());
  Tokens prompt;
  prompt.ids = {3, 9, 27, 17, 51, 25, 11};
  EXPECT_TRUE(at::equal(model->forward(make_batch(prompt)).logits,
                        text_model->forward(make_batch(prompt)).logits));
}

/// A configuration with the fields of the text model at the top, as in the first published folders.
nlohmann::json flat_config(const std::filesystem::path& folder) {
  std::ifstream file(folder / "config.json");
  const nlohmann::json nested = nlohmann::json::parse(file);
  nlohmann::json flat = nested["text_config"];
  const nlohmann::json rope = flat["rope_parameters"];
  flat.erase("rope_parameters");
  flat["rope_theta"] = rope["rope_theta"];
  flat["rope_scaling"] = {{"type", "mrope"}, {"mrope_section", rope["mrope_section"]}};
  for (const auto& [field, value] : nested.items())
    if (field != "text_config") flat[field] = value;
  return flat;
}

TEST(VisionModel, ReadsTheFlatConfigurationOfFirstFolders) {
  const VisionSample sample("qwen2_vl", "two_pictures");
  const testing::TempDir flat;
  flat.write("config.json", flat_config(sample.directory()).dump());
  std::filesystem::copy_file(sample.directory() / "model.safetensors", flat / "model.safetensors");
  const auto nested_model = Model::open(sample.directory().string());
  const auto flat_model = Model::open(flat.path().string());
  const TokenBatch prompt = make_batch(sample.tokens(*flat_model->spec().vision));
  EXPECT_TRUE(at::equal(flat_model->forward(prompt).logits, nested_model->forward(prompt).logits));
}

}  // namespace
}  // namespace lensbench
