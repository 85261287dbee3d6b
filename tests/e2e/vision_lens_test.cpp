// The lens over pictures through the command, with a small Qwen2.5-VL checkpoint whose logits are
// those of transformers (tests/parity/picture_prompt_reference.py).
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>

#include <fstream>

#include "archive/archive_reader.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "core/files/sha256.hpp"
#include "framework/report/page/page_reader.hpp"
#include "support/command.hpp"
#include "support/picture_samples.hpp"
#include "vision/decode/decode.hpp"

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using testing::picture;
using testing::picture_data;
using testing::picture_model;

class VisionLensCommand : public ::testing::Test {
 protected:
  Outcome lens(std::vector<std::string> options) {
    std::vector<std::string> words = {"tool",      "vision_lens", "--model", picture_model(),
                                      "--threads", "1",           "--quiet"};
    words.insert(words.end(), options.begin(), options.end());
    return run_into(archive, words);
  }
  /// The prompt `one` of the fixture with settings.
  Outcome lens_of_odd(const std::vector<std::string>& settings) {
    std::vector<std::string> options = {"--image", picture("odd.png"), "--prompt", "What is it?"};
    for (const std::string& setting : settings) options.insert(options.end(), {"--set", setting});
    return lens(options);
  }

  TempDir folder;
  const std::string archive = folder / "a.h5";
};

// Float32 logits differ between programs by up to 5e-5 of the largest one.
TEST_F(VisionLensCommand, TheAnswerAtTheLastLayerIsThatOfTransformers) {
  const Outcome outcome = lens_of_odd({"concepts=some=7|9|9,other=65"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Dataset found = ArchiveReader(archive).read("vision_lens");
  const at::Tensor log_p = SafetensorsFile(picture_data() + "/expected.safetensors")
                               .tensor("one.logits")
                               .clone()
                               .to(at::kDouble)
                               .flatten()
                               .log_softmax(0);
  const at::Tensor answer = found["answer_concept_log_probability"].tensor[0][-1];
  EXPECT_NEAR(answer[0].item<double>(), (log_p[7].exp() + log_p[9].exp()).log().item<double>(),
              5e-4);
  EXPECT_NEAR(answer[1].item<double>(), log_p[65].item<double>(), 5e-4);
  EXPECT_THAT(found["token_concept"].strings, ElementsAre("some", "some", "other"));
}

TEST_F(VisionLensCommand, RectanglesAreThoseThatTheBenchStores) {
  const Outcome outcome = lens(
      {"--image", picture("odd.png"), "--image", picture("turned.jpg"), "--prompt", "What is it?"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const ArchiveReader reader(archive);
  const Dataset found = reader.read("vision_lens"), stored = reader.read("picture_tokens");
  for (const char* name : {"position", "image", "row", "column", "x0", "y0", "x1", "y1"})
    EXPECT_TRUE(
        at::allclose(found[name].tensor.to(at::kDouble), stored[name].tensor.to(at::kDouble)))
        << name;
}

TEST_F(VisionLensCommand, IsReplayedBitForBit) {
  const Outcome outcome = lens_of_odd({"concepts=7", "residual=true", "layers=0,1"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Outcome replay = lensbench({"replay", archive});
  EXPECT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_THAT(replay.out, HasSubstr("REPLAYED: identical in every bit"));
}

TEST_F(VisionLensCommand, MapsAreDrawnOverTheRectangles) {
  ASSERT_EQ(lens_of_odd({"concepts=7"}).exit_code, 0);
  const std::string svg = folder / "map.svg";
  const Outcome plot = lensbench(
      {"plot", archive, "vision_lens/concept_log_probability", "-o", svg, "--width", "120"});
  ASSERT_EQ(plot.exit_code, 0) << plot.err;
  EXPECT_THAT(testing::slurp(svg), HasSubstr("kind: patches"));
  EXPECT_EQ(lensbench({"report", archive, "-o", folder / "a.html"}).exit_code, 0);
}

TEST_F(VisionLensCommand, MapsAreDrawnOverThePictureOnRequest) {
  const std::string here = folder / "here";
  std::filesystem::create_directory(here);
  std::filesystem::copy_file(picture("odd.png"), here + "/odd.png");
  ASSERT_EQ(lens({"--image", here + "/odd.png", "--prompt", "What is it?", "--set", "concepts=7"})
                .exit_code,
            0);
  const std::string svg = folder / "map.svg";
  const auto plot = [&](const std::string& figure, std::vector<std::string> more) {
    std::vector<std::string> words = {"plot", archive,  "vision_lens/concept_log_probability",
                                      "-o",   figure,   "--width",
                                      "120",  "--force"};
    words.insert(words.end(), more.begin(), more.end());
    return lensbench(words);
  };
  ASSERT_EQ(plot(svg, {"--picture"}).exit_code, 0);
  EXPECT_THAT(testing::slurp(svg), HasSubstr("data:image/jpeg;base64,"));
  ASSERT_EQ(plot(svg, {}).exit_code, 0);
  EXPECT_THAT(testing::slurp(svg), Not(HasSubstr("data:image/jpeg")));
  EXPECT_EQ(plot(svg, {"--images", here}).exit_code, 2);
  const std::string gone = folder / "gone";
  std::filesystem::rename(here, gone);
  const Outcome missing = plot(svg, {"--picture"});
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.err, HasSubstr("its file is missing"));
  EXPECT_EQ(plot(svg, {"--picture", "--images", gone}).exit_code, 0);
}

TEST_F(VisionLensCommand, TheTowerLensIsStoredDrawnAndReplayed) {
  const Outcome outcome = lens_of_odd({"concepts=7", "tower=true", "tower_layers=0,2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Dataset found = ArchiveReader(archive).read("vision_lens");
  EXPECT_EQ(found["tower_concept_log_probability"].dims,
            (std::vector<std::string>{"tower_layer", "image_token", "concept"}));
  // The merger after the last block gives what the text model reads.
  EXPECT_TRUE(at::allclose(found["tower_entropy"].tensor[1], found["entropy"].tensor[0]));
  const std::string svg = folder / "tower.svg";
  const Outcome plot =
      lensbench({"plot", archive, "vision_lens/tower_concept_log_probability", "-o", svg});
  ASSERT_EQ(plot.exit_code, 0) << plot.err;
  EXPECT_THAT(testing::slurp(svg), HasSubstr("kind: patches"));
  EXPECT_THAT(lensbench({"replay", archive}).out, HasSubstr("REPLAYED: identical in every bit"));
}

TEST_F(VisionLensCommand, WhatCannotBeReadIsRefusedBeforeTheFirstCase) {
  const auto refused = [&](const Outcome& outcome, const char* words) {
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(words));
    EXPECT_FALSE(std::filesystem::exists(archive));
  };
  refused(lens_of_odd({"concepts=a=|"}), "empty form");
  refused(lens_of_odd({"concepts=100000"}), "is not a token");
  refused(lens_of_odd({"layers=99"}), "a layer is 99");
  refused(lens_of_odd({"tower=true", "tower_layers=3"}), "a layer of the tower is 3");
  refused(run_into(archive, {"tool", "vision_lens", "--model", kModel, "--prompt", "In"}),
          "does not have a vision tower");
}

TEST_F(VisionLensCommand, APromptWithoutPicturesSaysWhatToDo) {
  const Outcome outcome = lens({"--prompt", "What is it?"});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("the prompt has 0 pictures"));
}

TEST_F(VisionLensCommand, ConceptsOfAFolderAreComparedByLabel) {
  testing::copy_data(picture_data() + "/pictures", folder / "pictures");
  std::ofstream(std::filesystem::path(folder / "pictures") / "labels.csv")
      << "file,label\nodd.png,odd\nturned.jpg,turned\n";
  const Outcome outcome =
      run_into(archive, {"run", "concept_emergence", "--model", picture_model(), "--images",
                         folder / "pictures", "--prompt", "What is it?", "--set", "concepts=a=7|9",
                         "--set", "tower=true", "--set", "tower_layers=2", "--quiet"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const ArchiveReader reader(archive);
  const Dataset table = reader.read("emergence");
  EXPECT_THAT(table["label"].strings, ElementsAre("odd", "turned"));
  EXPECT_THAT(table["control"].strings,
              ElementsAre("no_picture", "other_picture", "shuffled_patches"));
  // One picture for each label: its mean is its own answer.
  const Dataset lens = reader.read("vision_lens");
  EXPECT_TRUE(
      at::allclose(table["log_probability"].tensor, lens["answer_concept_log_probability"].tensor));
  EXPECT_EQ(lens["case"].dims, std::vector<std::string>{"image_token"});
  EXPECT_EQ(lens["tower_entropy"].tensor.size(0), 1);
  EXPECT_EQ(lensbench({"show", archive, "emergence"}).exit_code, 0);
  EXPECT_THAT(lensbench({"replay", archive}).out, HasSubstr("identical in every bit"));
}

/// The pictures of case 0 in the page of an archive.
nlohmann::json pictures_in_page(const std::string& archive, std::vector<std::string> options) {
  options.insert(options.begin(), {"report", archive, "--force"});
  const Outcome outcome = lensbench(options);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string page = archive.substr(0, archive.rfind('.')) + ".html";
  const testing::PageReader read(testing::slurp(page));
  nlohmann::json pictures = read.index()["archives"][0]["images"]["0"];
  for (nlohmann::json& picture : pictures)
    if (picture.contains("source")) picture["source"] = read.texts(picture["source"]).at(0);
  return pictures;
}

TEST_F(VisionLensCommand, PagesHaveThePicturesThatTheArchiveKeeps) {
  const std::string gone = folder / "gone";
  std::filesystem::create_directory(gone);
  std::filesystem::copy_file(picture("odd.png"), gone + "/odd.png");
  ASSERT_EQ(
      lens({"--image", gone + "/odd.png", "--prompt", "What is it?", "--keep-images"}).exit_code,
      0);
  std::filesystem::remove_all(gone);
  const auto pictures = pictures_in_page(archive, {});
  ASSERT_EQ(pictures.size(), 1U);
  EXPECT_FALSE(pictures[0].contains("reason")) << pictures[0];
  EXPECT_EQ(pictures[0]["width"], 61);
  EXPECT_EQ(pictures[0]["height"], 45);
  EXPECT_THAT(pictures[0]["source"].get<std::string>(), HasSubstr("data:image/jpeg;base64,"));
}

// turned.jpg is stored on its side, which its EXIF data say.
TEST_F(VisionLensCommand, PagesHaveThePicturesUprightAndCheckTheirFiles) {
  const std::string moved = folder / "moved";
  std::filesystem::create_directory(moved);
  std::filesystem::copy_file(picture("turned.jpg"), moved + "/turned.jpg");
  ASSERT_EQ(lens({"--image", moved + "/turned.jpg", "--prompt", "What is it?"}).exit_code, 0);
  const auto kept = pictures_in_page(archive, {});
  ASSERT_EQ(kept.size(), 1U);
  const std::string file = testing::slurp(picture("turned.jpg"));
  EXPECT_EQ(kept[0]["name"], "turned.jpg");
  EXPECT_EQ(kept[0]["sha256"], sha256_hex(file));
  const auto original = vision::decode_picture(file, "turned.jpg").upright;
  EXPECT_EQ(kept[0]["width"], original.size.width);
  EXPECT_EQ(kept[0]["height"], original.size.height);
  const std::string address = kept[0]["source"];
  const auto shown = vision::decode_picture(
      testing::from_base64(address.substr(address.find(',') + 1)), "address");
  EXPECT_EQ(shown.upright.size, original.size);
  EXPECT_EQ(shown.orientation, 1) << "turned before it was written";

  std::filesystem::rename(moved + "/turned.jpg", moved + "/elsewhere.jpg");
  EXPECT_THAT(pictures_in_page(archive, {})[0]["reason"].get<std::string>(),
              HasSubstr("--images FOLDER"));
  std::filesystem::copy_file(picture("odd.png"), moved + "/turned.jpg");
  EXPECT_EQ(pictures_in_page(archive, {})[0]["reason"], "its file has changed since the run");
  std::filesystem::remove(moved + "/turned.jpg");
  std::filesystem::create_directory(folder / "other");
  std::filesystem::copy_file(picture("turned.jpg"), folder / "other/turned.jpg");
  EXPECT_EQ(pictures_in_page(archive, {"--images", folder / "other"}), kept);
}

}  // namespace
}  // namespace lensbench
