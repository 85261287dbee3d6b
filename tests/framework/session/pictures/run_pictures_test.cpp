#include "session/pictures/run_pictures.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <lensbench/error.hpp>

#include "bench/case_input.hpp"
#include "framework/session/session_fixture.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/picture_samples.hpp"

// Pictures of the cases of a run, as its tools see them.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::copy_data;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::picture_data;
using testing::picture_model;

class RunPicturesTest : public ::testing::Test {
 protected:
  RunPicturesTest() { copy_data(picture_data() + "/pictures", folder / "pictures"); }

  std::string path(const std::string& name) const { return folder / ("pictures/" + name); }
  CaseInput asked(const std::string& id, const std::vector<std::string>& files) const {
    return {id, "What?", {}, {{"images", images_field(files)}, {"label", "eye"}}};
  }
  std::string refusal(CaseInput input) {
    std::vector<CaseInput> cases = {std::move(input)};
    return message_of<Error>([&] { read_pictures(cases, model, {}); });
  }

  testing::TempDir folder;
  std::shared_ptr<const Model> model = Model::open(picture_model());
};

TEST_F(RunPicturesTest, GiveACaseItsTokensWithRows) {
  std::vector<CaseInput> cases = {asked("a", {path("odd.png"), path("turned.jpg")}),
                                  {"b", "plain", {}, {}}};
  const auto pictures = read_pictures(cases, model, {});
  ASSERT_TRUE(pictures);
  EXPECT_THAT(cases[0].fields, ElementsAre(std::pair("label", "eye")));
  EXPECT_FALSE(pictures->has("b"));
  const auto prompted = with_picture_prompts(model, pictures);
  Context context = testing::context_of(prompted);
  const Parameters none;
  const Case c = testing::case_of(cases[0], context, none);
  // 2 x 2 and 2 x 4 tokens; 4 patches a token.
  ASSERT_EQ(c.tokens().pictures.size(), 2u);
  EXPECT_THAT(c.tokens().pictures[0].rows.sizes().vec(), ElementsAre(16, 1176));
  EXPECT_THAT(c.tokens().pictures[1].rows.sizes().vec(), ElementsAre(32, 1176));
  const auto placeholders = std::count(c.tokens().ids.begin(), c.tokens().ids.end(),
                                       model->spec().vision->image_token_id);
  EXPECT_EQ(placeholders, 12);
  EXPECT_EQ(c.tokens().texts.size(), c.tokens().ids.size());
  const Request request = c.request({});
  ASSERT_EQ(request.pictures().size(), 2u);
  EXPECT_EQ(request.pictures()[0].path, path("odd.png"));
  EXPECT_EQ(request.pictures()[0].sha256, testing::sha256sum(path("odd.png")));
  // Other cases are as without pictures.
  EXPECT_EQ(tokens_of(cases[1], context).ids, to_tokens(*model, "plain").ids);
  set_reference_cases(context, cases);
  ASSERT_EQ(context.reference_prompts().size(), 2u);
  EXPECT_EQ(context.reference_prompts()[0].pictures.size(), 2u);
}

TEST_F(RunPicturesTest, AreKeptAsTheirFilesOnRequestOnly) {
  std::vector<CaseInput> cases = {asked("a", {path("odd.png"), path("turned.jpg")})};
  const auto forgotten = read_pictures(cases, model, {});
  EXPECT_FALSE(forgotten->picture_files("a").has_value());
  cases = {asked("a", {path("odd.png"), path("turned.jpg")})};
  const auto kept = read_pictures(cases, model, {{"keep_images", "true"}});
  const Dataset files = kept->picture_files("a").value();
  const std::string odd = testing::slurp(path("odd.png")),
                    turned = testing::slurp(path("turned.jpg"));
  const at::Tensor bytes = files["file_bytes"].tensor;
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data_ptr<std::uint8_t>()),
                        static_cast<std::size_t>(bytes.numel())),
            odd + turned);
  EXPECT_EQ(files["file_size"].tensor[0].item<std::int64_t>(), std::ssize(odd));
  EXPECT_EQ(files["file_size"].tensor[1].item<std::int64_t>(), std::ssize(turned));
}

TEST_F(RunPicturesTest, ThatChangedAreNotKept) {
  std::vector<CaseInput> cases = {asked("a", {path("odd.png")})};
  const auto kept = read_pictures(cases, model, {{"keep_images", "true"}});
  fs::copy_file(path("turned.jpg"), path("odd.png"), fs::copy_options::overwrite_existing);
  EXPECT_THAT(message_of<InputError>([&] { kept->picture_files("a"); }),
              AllOf(HasSubstr("odd.png"), HasSubstr("has changed since the run began")));
}

// The recipe of runs without kept pictures is as it was before they could be kept.
TEST_F(RunPicturesTest, ThatAreNotKeptLeaveNoSettingInTheRecipe) {
  const VisionSpec& tower = *model->spec().vision;
  EXPECT_FALSE(picture_reading(tower, picture_model(), {}).values.contains("keep_images"));
  EXPECT_FALSE(picture_reading(tower, picture_model(), {{"keep_images", "false"}})
                   .values.contains("keep_images"));
  EXPECT_EQ(
      picture_reading(tower, picture_model(), {{"keep_images", "true"}}).values.at("keep_images"),
      "true");
}

TEST_F(RunPicturesTest, AreReadAgainWhereThereIsNoRoomForTheRows) {
  PictureReading reading = picture_reading(*model->spec().vision, picture_model(), {});
  PictureStore store(reading, 1);
  const auto first = store.add(path("odd.png")), second = store.add(path("turned.jpg"));
  EXPECT_EQ(store.add(path("odd.png")), first);
  const at::Tensor rows = store.rows(first).rows;
  store.rows(second);
  EXPECT_FALSE(store.rows(first).rows.is_same(rows));
  EXPECT_TRUE(at::equal(store.rows(first).rows, rows));
  PictureStore roomy(reading);
  EXPECT_TRUE(roomy.rows(roomy.add(path("odd.png"))).rows.is_same(roomy.rows(0).rows));
}

TEST_F(RunPicturesTest, ThatChangeDuringTheRunAreRefused) {
  PictureStore store(picture_reading(*model->spec().vision, picture_model(), {}), 1);
  store.add(path("odd.png"));
  store.add(path("turned.jpg"));
  fs::copy_file(path("turned.jpg"), path("odd.png"), fs::copy_options::overwrite_existing);
  EXPECT_THAT(message_of<InputError>([&] { store.rows(0); }),
              AllOf(HasSubstr("odd.png"), HasSubstr("has changed since the run began")));
}

TEST_F(RunPicturesTest, AreRefusedWithTheirCase) {
  EXPECT_THAT(refusal({"a", "", {1, 2}, {{"images", images_field({path("odd.png")})}}}),
              AllOf(HasSubstr("case 'a'"), HasSubstr("ids")));
  for (const char* list : {"[]", "[1]", "[\"\"]", "[\"a\""})
    EXPECT_THAT(refusal({"a", "x", {}, {{"images", list}}}), HasSubstr("expected names of files"));
  EXPECT_THAT(refusal(asked("a", {path("none.png")})), HasSubstr("none.png"));
}

TEST_F(RunPicturesTest, AreRefusedByAModelThatReadsTextOnly) {
  const auto text_model = Model::open(testing::kModel);
  std::vector<CaseInput> cases = {asked("a", {path("odd.png")})};
  EXPECT_THAT(message_of<UsageError>([&] { read_pictures(cases, text_model, {}); }),
              AllOf(HasSubstr("case 'a'"), HasSubstr("'gpt2' read text only")));
  cases = {{"a", "{image}", {}, {}}};
  EXPECT_THAT(message_of<UsageError>([&] {
                read_pictures(cases, text_model, {{"alpha", "drop"}});
              }),
              AllOf(HasSubstr("setting 'alpha'"), HasSubstr("'gpt2' read text only")));
  EXPECT_EQ(read_pictures(cases, text_model, {}), nullptr);
}

TEST_F(RunPicturesTest, HaveTheSettingsOfTheCheckpointAndOfTheRequest) {
  const VisionSpec& tower = *model->spec().vision;
  const PictureReading plain = picture_reading(tower, picture_model(), {});
  EXPECT_EQ(plain.settings.limits.max_pixels, 12544);
  EXPECT_EQ(plain.values.at("max_pixels"), "12544");
  const PictureReading asked_for =
      picture_reading(tower, picture_model(), {{"max_pixels", "9000"}, {"sixteen_bit", "clip"}});
  EXPECT_EQ(asked_for.settings.limits.max_pixels, 9000);
  EXPECT_EQ(asked_for.settings.limits.min_pixels, 3136);
  EXPECT_EQ(asked_for.decode.sixteen_bit, vision::SixteenBit::clip);
  for (const Settings& wrong : {Settings{{"max_pixels", "many"}}, Settings{{"min_pixels", "20000"}},
                                Settings{{"resize_order", "height_first"}}})
    EXPECT_THROW(picture_reading(tower, picture_model(), wrong), UsageError);
}

// A checkpoint without a file has the limits of transformers' own defaults.
TEST_F(RunPicturesTest, HaveTheSettingsOfTransformersWithoutAFile) {
  const PictureReading reading = picture_reading(*model->spec().vision, folder.path(), {});
  EXPECT_EQ(reading.settings.limits.min_pixels, 3136);
  EXPECT_EQ(reading.settings.limits.max_pixels, 1003520);
  folder.write("processor_config.json",
               R"({"image_processor": {"min_pixels": 4000, "max_pixels": 5000}})");
  EXPECT_EQ(picture_reading(*model->spec().vision, folder.path(), {}).settings.limits.max_pixels,
            5000);
}

}  // namespace
}  // namespace lensbench
