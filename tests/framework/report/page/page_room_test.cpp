// What a page has of a run that is larger than it: which parts, which pictures, and how often the
// archive is read for them.
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "browser/made_values.hpp"
#include "framework/report/page/page_reader.hpp"
#include "report/page/fill.hpp"
#include "report/page/page.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using page::PartPlace;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Archive of a run that saves one result of each case.
std::filesystem::path archive_of(
    const std::filesystem::path& path, std::int64_t cases, std::int64_t tokens,
    const std::function<Dataset(const std::vector<std::int64_t>& ids)>& result) {
  made::Noise from(6);
  RunPlan plan;
  plan.title = "A made-up run";
  plan.experiment = "made_up";
  plan.experiment_version = "1.0.0";
  plan.request = {{"kind", "tool"}, {"name", "lens"}};
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 1000}};
  for (std::int64_t i = 0; i < cases; ++i)
    plan.cases.push_back({"prompt-" + std::to_string(i + 1), "a text", tokens, std::string(64, 'c'),
                          made::made_ids(tokens, from)});
  RunWriter writer = RunWriter::start(path, plan, false);
  for (std::int64_t i = 0; i < cases; ++i)
    writer.commit(i, {{"lens", result(plan.cases[static_cast<std::size_t>(i)].ids)}}, {});
  std::map<std::int64_t, std::string> texts;
  for (const std::int64_t id : writer.token_ids()) texts[id] = made::word(id);
  return writer.seal({}, texts, {}, {{"threads", 1}}, {{"host", "here"}}).path;
}

/// An archive of lenses over cases of the same length, opened as a page has it.
class Lenses : public ::testing::Test {
 protected:
  static constexpr std::int64_t kCases = 4, kTokens = 60, kLayers = 10;

  Lenses() {
    page::PageRun run{&source_, {0, 1, 2, 3}, page::open_results(source_, {})};
    page::cut_results(run.results, run.chosen);
    runs_.push_back(std::move(run));
  }

  const page::PageResult& result() const { return *runs_.front().results.front(); }
  const page::PageVariable& variable(const PartPlace& at) const {
    return result().variables[at.variable];
  }
  /// The cases of which the page has a part of a variable that has values, or ids.
  std::set<std::int64_t> cases(const page::Filled& filled, bool ids) const {
    std::set<std::int64_t> numbers;
    for (const auto& [at, part] : filled.parts)
      if ((variable(at).facts().holds == Holds::token_ids) == ids && variable(at).has_dim("layer"))
        numbers.insert(variable(at).parts[at.part].number);
    return numbers;
  }

  const testing::TempDir folder_;
  const ArchiveReader archive_{
      archive_of(folder_ / "made.h5", kCases, kTokens, [](const auto& ids) {
        made::Noise from(9);
        return made::lens(ids, kLayers, 3, from);
      })};
  const page::RunSource source_ = page::source_of(archive_);
  std::vector<page::PageRun> runs_;
};

TEST_F(Lenses, HaveTheIdsOfLaterCasesOnlyWithValues) {
  page::EncodedParts encoded(3);
  std::set<std::size_t> numbers_of_cases;
  for (std::size_t bytes = 300; bytes < 250'000; bytes += 700) {
    SCOPED_TRACE(bytes);
    const page::Filled filled = page::fill(runs_, 3, bytes, encoded);
    const auto of_ids = cases(filled, true), of_values = cases(filled, false);
    for (const std::int64_t number : of_ids)
      EXPECT_TRUE(number == 0 || of_values.contains(number)) << "ids alone of case " << number;
    numbers_of_cases.insert(of_ids.size());
  }
  EXPECT_EQ(numbers_of_cases, (std::set<std::size_t>{0, 1, 2, 3, 4}));
}

TEST_F(Lenses, NameEachPartThatIsNotThere) {
  page::EncodedParts encoded(3);
  for (std::size_t bytes = 2'000; bytes < 250'000; bytes += 7'000) {
    SCOPED_TRACE(bytes);
    const page::Filled filled = page::fill(runs_, 3, bytes, encoded);
    std::size_t used = 0;
    for (const auto& [at, part] : filled.parts) used += part.block.size();
    EXPECT_LE(used, bytes);
    for (std::size_t v = 0; v < result().variables.size(); ++v)
      for (std::size_t p = 0; p < result().variables[v].parts.size(); ++p)
        EXPECT_NE(filled.parts.contains({0, 0, v, p}), filled.left_out.contains({0, 0, v, p}))
            << result().variables[v].name << " of part " << p;
  }
}

TEST(PageOfALargeRun, OpensEachResultOnce) {
  const testing::TempDir folder;
  const ArchiveReader archive(archive_of(folder / "made.h5", 2, 9, [](const auto& ids) {
    made::Noise from(9);
    return made::lens(ids, 3, 3, from);
  }));
  std::vector<page::RunSource> runs;
  runs.push_back(page::source_of(archive));
  int times = 0;
  runs[0].stored = [&times, stored = runs[0].stored](const auto& name, const auto& cases) {
    ++times;
    return stored(name, cases);
  };
  page::make_page(runs, {});
  EXPECT_EQ(times, 1);
}

/// Cases of which values over layers and tokens are in a page.
std::set<std::int64_t> cases_in(const testing::PageReader& page) {
  std::set<std::int64_t> numbers;
  for (const auto& variable : page.index()["archives"][0]["results"][0]["variables"])
    for (const auto& part : variable["parts"])
      if (variable["dims"][0] == "layer") numbers.insert(part["case"].get<std::int64_t>());
  return numbers;
}

TEST(PageOfALargeRun, ReadsACaseOnlyIfItOrTheOneBeforeItIsThere) {
  // So long that rows are not read together with those of other cases.
  constexpr std::int64_t kTokens = 8192;
  const testing::TempDir folder;
  const ArchiveReader archive(archive_of(folder / "made.h5", 3, kTokens, [](const auto& ids) {
    made::Noise from(9);
    return made::lens(ids, 2, 3, from);
  }));
  std::vector<page::RunSource> runs;
  runs.push_back(page::source_of(archive));
  std::set<std::int64_t> read;
  runs[0].stored = [&read, stored = runs[0].stored](const auto& name, const auto& cases) {
    StoredDataset result = stored(name, cases);
    for (StoredVariable& variable : result.variables)
      if (variable.rows)
        variable.rows = [&read, rows = variable.rows](const auto& index, std::int64_t first,
                                                      std::int64_t count) {
          // The columns of the table have rows of all cases.
          if (!index.empty() && count == kTokens) read.insert(first / kTokens);
          return rows(index, first, count);
        };
    return result;
  };
  page::PageRequest request;
  request.max_bytes = std::size_t{16} << 20;
  const std::size_t whole = page::make_page(runs, request).size();
  EXPECT_EQ(read.size(), 3U);
  std::set<std::size_t> numbers_of_cases;
  for (std::size_t eighths = 3; eighths < 8; ++eighths) {
    SCOPED_TRACE(eighths);
    read.clear();
    request.max_bytes = whole / 8 * eighths;
    const auto there = cases_in(testing::PageReader(page::make_page(runs, request)));
    for (const std::int64_t number : read)
      EXPECT_TRUE(number == 0 || there.contains(number) || there.contains(number - 1)) << number;
    numbers_of_cases.insert(there.size());
  }
  EXPECT_GT(numbers_of_cases.size(), 1U) << "every page had as many cases";
}

/// Page without options of an archive.
std::string page_of_archive(const std::filesystem::path& path) {
  const ArchiveReader archive(path);
  std::vector<page::RunSource> runs;
  runs.push_back(page::source_of(archive));
  return page::make_page(runs, {});
}

TEST(PageOfALargeRun, HasAPictureOfALargeMapWithoutScript) {
  const testing::TempDir folder;
  const std::string text =
      page_of_archive(archive_of(folder / "made.h5", 1, 2000, [](const auto& ids) {
        made::Noise from(9);
        return made::lens(ids, 48, 3, from);
      }));
  const auto caption = text.find("<figcaption>lens/target_probability");
  ASSERT_NE(caption, std::string::npos);
  // 2,000 columns in at most 768 pixels.
  EXPECT_THAT(
      text.substr(caption, text.find("</figcaption>", caption) - caption),
      AllOf(HasSubstr("lensbench plot made.h5 lens/target_probability"),
            HasSubstr("a pixel of the map is the largest value of 3 neighbouring columns")));
}

TEST(PageOfALargeRun, NamesAPictureOfTooManyValues) {
  const testing::TempDir folder;
  const std::string text =
      page_of_archive(archive_of(folder / "made.h5", 1, 4, [](const auto& ids) {
        Dataset dataset;
        made::add_tokens(dataset, ids);
        dataset.add(made::variable("wide", {"layer", "token", "feature"},
                                   at::zeros({2, 4, 500'001}, at::kFloat), "heatmap"));
        dataset.add(
            made::variable("narrow", {"layer", "head"}, at::zeros({2, 3}, at::kFloat), "bars"));
        return dataset;
      }));
  EXPECT_THAT(text, AllOf(HasSubstr("<p>The picture of lens/wide: <code>lensbench plot made.h5 "
                                    "lens/wide --width 170mm -o figure.svg</code> does not fit "
                                    "into this page.</p>"),
                          Not(HasSubstr("<figcaption>lens/wide"))));
}

}  // namespace
}  // namespace lensbench
