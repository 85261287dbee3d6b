// Every seed and every input that once broke the fuzz target of the page (tests/fuzz), and texts
// made of the characters that matter. The target ends the process when it finds a fault.
#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/page_target.hpp"
#include "support/folders.hpp"
#include "support/process.hpp"

namespace lensbench {
namespace {

TEST(PageEscape, NoTextAddsAnElementOrAttribute) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::data_folder() + "/fuzz/page")) {
    SCOPED_TRACE(entry.path().string());
    fuzz::write_page_text(testing::slurp(entry.path()));
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(PageEscape, AllPairsOfBytes) {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      fuzz::write_page_text(text);
    }
}

TEST(PageEscape, TheStrictParserFindsWhatIsNotEscaped) {
  for (const char* html : {"<p>a</p", "<p onclick=x>a</p>", "<p>a<b></p>", "<p>&nbsp;</p>",
                           "<p>\"</p>", "<p>", "</p>"})
    EXPECT_THROW(fuzz::StrictHtml{html}, std::runtime_error) << html;
  EXPECT_EQ(fuzz::StrictHtml("<p class=\"a&lt;\">&amp;b</p>").tags.front(), "p class=a<");
}

TEST(PageEscape, TextsAreCutBetweenCharacters) {
  EXPECT_EQ(page::cut("äöü", 2), "äö…");
  EXPECT_EQ(page::cut("äöü", 3), "äöü");
}

}  // namespace
}  // namespace lensbench
