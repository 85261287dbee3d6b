// Pictures of cases in a page: which are asked for, how large they are, and what is said of the
// others.
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "archive/run/run_writer.hpp"
#include "browser/made_values.hpp"
#include "framework/report/page/page_reader.hpp"
#include "report/page/page.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PagePictures : public ::testing::Test {
 protected:
  /// Writes an archive of two cases whose variable has this view.
  std::filesystem::path archive(const std::string& view) const {
    made::Noise from(3);
    RunPlan plan;
    plan.title = "Pictures";
    plan.experiment = "made_up";
    plan.experiment_version = "1.0.0";
    plan.request = {{"kind", "experiment"}, {"tools", {"lens"}}};
    plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 1000}};
    for (int i = 0; i < 2; ++i)
      plan.cases.push_back({"prompt-" + std::to_string(i + 1), "a text", 4, std::string(64, 'c'),
                            made::made_ids(4, from)});
    RunWriter writer = RunWriter::start(folder_ / (view + ".h5"), plan, false);
    for (std::int64_t i = 0; i < 2; ++i) {
      Dataset dataset;
      dataset.add(made::variable("relevance", {"layer", "patch"}, made::noise({3, 6}, from), view));
      writer.commit(i, {{"lens", dataset}}, {});
    }
    return writer.seal({}, {}, {}, {{"threads", 1}}, {{"host", "here"}}).path;
  }

  /// The page of an archive whose case 0 has a picture of as many bytes as its side has pixels
  /// times `bytes`, and whose case 1 has a picture that is missing.
  testing::PageReader page(const std::string& view, std::size_t bytes, std::size_t max_bytes) {
    const ArchiveReader reader(archive(view));
    std::vector<page::RunSource> runs;
    runs.push_back(page::source_of(reader));
    runs[0].pictures = [this, bytes](std::int64_t number, std::int64_t side) {
      sides_.insert(side);
      if (number == 1)
        return std::vector<page::PagePicture>{{"lost.png", std::string(64, 'f'), 0, 0, "", "lost"}};
      made::Noise from(1);
      std::string noise;
      for (std::size_t i = 0; i < bytes * static_cast<std::size_t>(side); ++i)
        noise += static_cast<char>(from.below(256));
      return std::vector<page::PagePicture>{
          {"seen.png", std::string(64, 'e'), 2000, 1000, noise, ""}};
    };
    return testing::PageReader(
        page::make_page(runs, {.cases = {}, .max_bytes = max_bytes, .top_k = 5, .title = ""}));
  }

  const testing::TempDir folder_;
  std::set<std::int64_t> sides_;  ///< that were asked for
};

TEST_F(PagePictures, AreThereAsOneAddressWithTheSizeOfTheFile) {
  const auto read = page("image", 10, std::size_t{2} << 20);
  const json& picture = read.index()["archives"][0]["images"]["0"][0];
  EXPECT_EQ(picture["name"], "seen.png");
  EXPECT_EQ(picture["sha256"], std::string(64, 'e'));
  EXPECT_EQ(picture["width"], 2000);
  EXPECT_EQ(picture["height"], 1000);
  EXPECT_FALSE(picture.contains("reason"));
  const std::string address = read.texts(picture["source"]).at(0);
  ASSERT_THAT(address, ::testing::StartsWith("data:image/jpeg;base64,"));
  EXPECT_EQ(testing::from_base64(address.substr(address.find(',') + 1)).size(), 10'240U);
  EXPECT_THAT(sides_, ElementsAre(1024));
}

TEST_F(PagePictures, ThatAreMissingHaveTheReason) {
  const auto read = page("image", 10, std::size_t{2} << 20);
  const json& picture = read.index()["archives"][0]["images"]["1"][0];
  EXPECT_EQ(picture["reason"], "lost");
  EXPECT_EQ(picture["name"], "lost.png");
  EXPECT_FALSE(picture.contains("source"));
}

// At 1,024 pixels the picture has 1 MB, at 256 a quarter of it. A third of the page is for
// pictures.
TEST_F(PagePictures, AreSmallerWhereTheyDoNotFit) {
  const auto read = page("image", 1000, std::size_t{1200} << 10);
  EXPECT_THAT(sides_, ElementsAre(256, 400, 640, 1024));
  EXPECT_LE(read.page().size(), std::size_t{1200} << 10);
  EXPECT_FALSE(read.index()["archives"][0]["images"]["0"][0].contains("reason"));
}

TEST_F(PagePictures, AreNamedWhereTheyDoNotFitAtAll) {
  const auto read = page("image", 4000, std::size_t{1} << 20);
  EXPECT_THAT(read.index()["archives"][0]["images"]["0"][0]["reason"].get<std::string>(),
              HasSubstr("--max-bytes"));
  EXPECT_LE(read.page().size(), std::size_t{1} << 20);
}

TEST_F(PagePictures, AreNotReadForOtherViews) {
  const auto read = page("heatmap", 10, std::size_t{2} << 20);
  EXPECT_TRUE(sides_.empty());
  EXPECT_EQ(read.index()["archives"][0]["images"], json::object());
}

}  // namespace
}  // namespace lensbench
