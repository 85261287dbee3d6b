#include <memory>
#include <sstream>

#include "framework/report/figure/png_reader.hpp"
#include "support/command.hpp"
#include "support/folders.hpp"

// Figures as PNG and PDF: lensbench plot, which draws in a process without access to other files.

namespace lensbench {
namespace {

using testing::slurp;

class RenderedFigures : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempDir>();
    const auto made = lensbench({"tool", "logit_lens", "--model", kModel, "--prompt",
                                 "In the beginning", "--quiet", "--out", file("lens.h5")});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string file(const std::string& name) { return *folder_ / name; }

  static Outcome plot(const std::string& out, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"plot", file("lens.h5"), "logit_lens/entropy", "-o",
                                      file(out)};
    words.insert(words.end(), more.begin(), more.end());
    return lensbench(words);
  }

  static std::string digest() {
    const auto shown = lensbench({"show", file("lens.h5"), "--json"});
    return json::parse(shown.out)["digests"]["results_sha256"];
  }

  static std::unique_ptr<TempDir> folder_;
};

std::unique_ptr<TempDir> RenderedFigures::folder_;

TEST_F(RenderedFigures, APngHasItsFactsAndIsTheSameTwice) {
  const auto outcome = plot("one.png", {"--dpi", "200"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const auto png = testing::read_png(slurp(file("one.png")));
  EXPECT_EQ(png.width, 669u);
  EXPECT_EQ(png.texts.at("results_sha256"), digest());
  EXPECT_EQ(png.texts.at("command"), "lensbench plot lens.h5 logit_lens/entropy --dpi=200");
  ASSERT_EQ(plot("two.png", {"--dpi", "200"}).exit_code, 0);
  EXPECT_EQ(slurp(file("one.png")), slurp(file("two.png")));
}

TEST_F(RenderedFigures, APdfIsTheSameTwice) {
  const auto outcome = plot("one.pdf");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  ASSERT_EQ(plot("two.pdf").exit_code, 0);
  EXPECT_THAT(slurp(file("one.pdf")), StartsWith("%PDF-"));
  EXPECT_EQ(slurp(file("one.pdf")), slurp(file("two.pdf")));
}

// The programs are in Debian's package poppler-utils.
TEST_F(RenderedFigures, APdfHasTextThatCanBeSelectedAndItsFonts) {
  for (const char* program : {"/usr/bin/pdftotext", "/usr/bin/pdffonts", "/usr/bin/pdfinfo"})
    if (!fs::exists(program)) GTEST_SKIP() << program << " is not installed";
  ASSERT_EQ(plot("text.pdf").exit_code, 0);
  const auto text = testing::run({"/usr/bin/pdftotext", file("text.pdf"), "-"});
  EXPECT_THAT(text.out, AllOf(HasSubstr("layer"), HasSubstr("·begin"), HasSubstr("entropy")));
  const auto info = testing::run({"/usr/bin/pdfinfo", file("text.pdf")});
  EXPECT_THAT(info.out, AllOf(HasSubstr(digest()), HasSubstr("Title:")));
  EXPECT_THAT(info.out, Not(HasSubstr("CreationDate")));
  // A line for each font after two of headings; columns emb, sub, uni before the object.
  std::istringstream fonts(testing::run({"/usr/bin/pdffonts", file("text.pdf")}).out);
  std::string line;
  int n_fonts = 0;
  for (int i = 0; std::getline(fonts, line); ++i) {
    if (i < 2) continue;
    EXPECT_THAT(line, HasSubstr(" yes yes yes ")) << line;
    ++n_fonts;
  }
  EXPECT_GT(n_fonts, 0);
}

TEST_F(RenderedFigures, PixelsAreForPngAlone) {
  const auto outcome = plot("x.svg", {"--dpi", "300"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--dpi is for .png"));
  EXPECT_EQ(plot("x.pdf", {"--dpi", "300"}).exit_code, 2);
  EXPECT_EQ(plot("x.png", {"--dpi", "5"}).exit_code, 2);
  EXPECT_EQ(plot("x.png", {"--dpi", "5000"}).exit_code, 2);
  const auto large = plot("x.png", {"--dpi", "2400", "--width", "900mm", "--height", "900mm"});
  EXPECT_NE(large.exit_code, 0);
  EXPECT_THAT(large.err, HasSubstr("85039 x 85039 pixels"));
  EXPECT_FALSE(fs::exists(file("x.png")));
}

// The largest image needs memory and time that the process which draws it must be allowed.
TEST_F(RenderedFigures, ALargeImageIsDrawn) {
  const auto outcome =
      plot("large.png", {"--dpi", "1200", "--width", "210mm", "--height", "200mm"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(slurp(file("large.png")), StartsWith("\x89PNG"));
}

}  // namespace
}  // namespace lensbench
