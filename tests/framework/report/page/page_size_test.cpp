// The page of a usual run, 8 prompts of 256 tokens, 13 layers, two tools, and that of a long text:
// their sizes, and the script, which is the largest part that all pages have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/run/run_writer.hpp"
#include "browser/made_values.hpp"
#include "framework/report/page/page_reader.hpp"
#include "report/page/encode.hpp"
#include "report/page/page.hpp"
#include "report/page/page_source.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

/// Page without options of a run over so many prompts of so many tokens.
std::string page_of_prompts(std::int64_t prompts, std::int64_t tokens, std::int64_t layers) {
  const testing::TempDir folder;
  made::Noise from(2);
  RunPlan plan;
  plan.title = "A made-up run";
  plan.experiment = "made_up";
  plan.experiment_version = "1.0.0";
  plan.request = {{"kind", "experiment"}, {"tools", {"logit_lens", "token_analyzer"}}};
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 1000}};
  for (std::int64_t i = 0; i < prompts; ++i)
    plan.cases.push_back({"prompt-" + std::to_string(i + 1), "a text", tokens, std::string(64, 'c'),
                          made::made_ids(tokens, from)});
  RunWriter writer = RunWriter::start(folder / "made.h5", plan, false);
  for (std::int64_t i = 0; i < prompts; ++i) {
    const auto& ids = plan.cases[static_cast<std::size_t>(i)].ids;
    writer.commit(i,
                  {{"logit_lens", made::lens(ids, layers, 10, from)},
                   {"token_analyzer", made::analysis(ids, from)}},
                  {});
  }
  std::map<std::int64_t, std::string> texts;
  for (const std::int64_t id : writer.token_ids()) texts[id] = made::word(id);
  const ArchiveReader archive(
      writer.seal({}, texts, {}, {{"threads", 1}}, {{"host", "here"}}).path);
  std::vector<page::RunSource> runs;
  runs.push_back(page::source_of(archive));
  return page::make_page(runs, {});
}

std::string usual_page() {
  return page_of_prompts(8, 256, 13);
}

TEST(PageOfALongText, HasAtMostTwoMebibytesUnlessAnotherSizeIsAskedFor) {
  const testing::PageReader page(page_of_prompts(1, 2000, 48));
  EXPECT_LE(page.page().size(), std::size_t{2} << 20);
  EXPECT_GT(page.page().size(), 1'000'000U);
  EXPECT_EQ(page.variable("logit_lens", "target_probability")["parts"].size(), 1U);
  EXPECT_FALSE(page.index()["left_out"].empty());
}

TEST(PageOfAUsualRun, HasLessThanAMillionBytes) {
  const testing::PageReader page(usual_page());
  EXPECT_LT(page.page().size(), 1'000'000U);
  EXPECT_EQ(page.variable("logit_lens", "entropy")["parts"].size(), 8U) << "a part was left out";
  EXPECT_EQ(page.variable("logit_lens", "top_id")["parts"][7]["shape"],
            nlohmann::json({13, 256, 5}));
}

TEST(PageOfAUsualRun, HasTheScriptAsDataThatThePolicyNames) {
  const testing::PageReader page(usual_page());
  ASSERT_EQ(page.data("script"), page::page_script());
  // The last element of the page is what runs first.
  const std::string& text = page.page();
  const auto begin = text.rfind("<script>") + 8;
  const std::string start = text.substr(begin, text.rfind("</script>") - begin);
  EXPECT_THAT(text, ::testing::HasSubstr("script-src '" + page::policy_hash(start) + "' '" +
                                         page::policy_hash(page::page_script()) + "';"));
  EXPECT_THAT(start, ::testing::HasSubstr("Copyright 2010-2021 Mike Bostock"));
}

}  // namespace
}  // namespace lensbench
