// Where a page says when and on which machine a run was made, and what it is called.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "browser/made_values.hpp"
#include "framework/report/page/page_reader.hpp"
#include "report/page/page.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::PageReader;

constexpr const char* kHost = "a-machine-of-its-own";
constexpr const char* kTime = "2026-01-02T03:04:05Z";

/// Page of a run that knows its host and its time.
std::string page_with_host(const page::PageRequest& request = {}) {
  const testing::TempDir folder;
  made::Noise from(3);
  RunPlan plan;
  plan.title = "A made-up run";
  plan.experiment = "made_up";
  plan.experiment_version = "1.0.0";
  plan.request = {{"kind", "tool"}, {"name", "lens"}};
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 1000}};
  plan.cases = {{"prompt-1", "a text", 5, std::string(64, 'c'), made::made_ids(5, from)}};
  RunWriter writer = RunWriter::start(folder / "made.h5", plan, false);
  writer.commit(0, {{"lens", made::lens(plan.cases[0].ids, 3, 3, from)}}, {});
  std::map<std::int64_t, std::string> texts;
  for (const std::int64_t id : writer.token_ids()) texts[id] = made::word(id);
  const ArchiveReader archive(
      writer.seal({}, texts, {}, {{"threads", 1}}, {{"host", kHost}, {"started", kTime}}).path);
  std::vector<page::RunSource> runs;
  runs.push_back(page::source_of(archive));
  return page::make_page(runs, request);
}

TEST(PageProvenance, AloneHasTheHostAndTheTimeOfARun) {
  const PageReader page(page_with_host());
  json index = page.index();
  EXPECT_THAT(index["archives"][0]["run"].dump(), AllOf(HasSubstr(kHost), HasSubstr(kTime)));
  index["archives"][0].erase("run");
  EXPECT_THAT(index.dump(), AllOf(Not(HasSubstr(kHost)), Not(HasSubstr(kTime))));
  const std::string& text = page.page();
  const auto panel = text.find("<h2>Provenance of made.h5</h2>");
  ASSERT_NE(panel, std::string::npos);
  EXPECT_GT(text.find(kHost), panel);
  EXPECT_NE(text.find(kHost, panel), std::string::npos);
  EXPECT_GT(text.find(kTime), panel);
  EXPECT_NE(text.find(kTime, panel), std::string::npos);
}

TEST(PageProvenance, ATitleOfTheRequestTakesThePlaceOfThatOfTheRun) {
  page::PageRequest request;
  request.title = "One & <two>";
  const PageReader page(page_with_host(request));
  EXPECT_EQ(page.index()["archives"][0]["title"], "One & <two>");
  EXPECT_THAT(page.page(),
              AllOf(HasSubstr("<title>One &amp; &lt;two&gt;</title>"),
                    HasSubstr("<h1>One &amp; &lt;two&gt;</h1>"), Not(HasSubstr("A made-up run"))));
}

}  // namespace
}  // namespace lensbench
