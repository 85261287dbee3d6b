// Pages of made-up archives, read back by a reader of their own and compared with what the public
// interface reads from the archive.
#include "report/page/page.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/archive.hpp>
#include <lensbench/error.hpp>
#include <limits>
#include <map>
#include <tuple>

#include "archive/run/run_writer.hpp"
#include "browser/made_values.hpp"
#include "framework/report/figure/svg_reader.hpp"
#include "framework/report/page/page_reader.hpp"
#include "fuzz/strict_html.hpp"
#include "report/page/compare.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using page::PageRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PageReader;
using testing::TempDir;

/// Tokens of each of the four cases; the third one fails.
constexpr std::int64_t kTokens[] = {9, 6, 4, 11};

RunPlan four_cases() {
  RunPlan plan;
  plan.title = "Four <cases>";
  plan.experiment = "made_up";
  plan.experiment_version = "1.0.0";
  plan.request = {{"kind", "experiment"}, {"tools", {"lens"}}, {"seed", 3}};
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 1000}};
  made::Noise from(4);
  for (const std::int64_t tokens : kTokens)
    plan.cases.push_back({"case-" + std::to_string(plan.cases.size()), "a text", tokens,
                          std::string(64, 'c'), made::made_ids(tokens, from)});
  return plan;
}

Dataset result_of(const CasePlan& one) {
  made::Noise from(static_cast<std::uint64_t>(one.n_tokens));
  Dataset dataset = made::lens(one.ids, 5, 7, from);
  const auto n = one.n_tokens;
  dataset.add(made::variable("pattern", {"head", "query_position", "key_position"},
                             made::noise({2, n, n}, from), "attention"));
  dataset.add(
      made::variable("score", {}, at::scalar_tensor(static_cast<double>(n), at::kDouble), "table"));
  return dataset;
}

/// The folder of a run of which three cases are done and one failed.
RunWriter run_cases(const std::filesystem::path& out, const RunPlan& plan) {
  RunWriter writer = RunWriter::start(out, plan, false);
  for (std::int64_t i = 0; i < std::ssize(plan.cases); ++i) {
    if (i == 2)
      writer.commit_failure(i, "no <such> token", {});
    else
      writer.commit(i, {{"lens", result_of(plan.cases[static_cast<std::size_t>(i)])}}, {});
  }
  return writer;
}

std::filesystem::path write_archive_of(const std::filesystem::path& out,
                                       const RunPlan& plan = four_cases()) {
  RunWriter writer = run_cases(out, plan);
  std::map<std::int64_t, std::string> texts;
  for (const std::int64_t id : writer.token_ids()) texts[id] = made::word(id);
  return writer.seal({}, texts, {}, {{"threads", 1}}, {{"host", "here"}}).path;
}

std::string page_of(const std::filesystem::path& path, const PageRequest& request = {}) {
  const ArchiveReader archive(path);
  std::vector<page::RunSource> runs;
  runs.push_back(page::source_of(archive));
  return page::make_page(runs, request);
}

class Page : public ::testing::Test {
 protected:
  PageReader read(const PageRequest& request = {}) const {
    return PageReader(page_of(path_, request));
  }

  /// Values of a part, compared bit for bit with those of the archive; `cut` gives the latter.
  void expect_part(const PageReader& page, const std::string& name, std::int64_t number,
                   const at::Tensor& expected) const {
    SCOPED_TRACE(name + " of case " + std::to_string(number));
    const json& variable = page.variable("lens", name);
    for (const json& part : variable["parts"]) {
      if (part["case"] != number) continue;
      EXPECT_EQ(part["shape"].get<std::vector<std::int64_t>>(), expected.sizes().vec());
      const auto row = static_cast<std::size_t>(expected.numel() / expected.size(0));
      const auto values = page.numbers(part["block"], row);
      ASSERT_EQ(std::ssize(values), expected.numel());
      const at::Tensor flat = expected.to(at::kDouble).flatten().contiguous();
      for (std::size_t i = 0; i < values.size(); ++i)
        ASSERT_EQ(values[i], flat.data_ptr<double>()[i]) << i;
      return;
    }
    ADD_FAILURE() << "no part";
  }

  const TempDir folder_;
  const std::filesystem::path path_ = write_archive_of(folder_ / "mine.h5");
};

TEST_F(Page, HasTheValuesOfTheArchive) {
  const PageReader page =
      read({.cases = {}, .max_bytes = std::size_t{4} << 20, .top_k = 7, .title = ""});
  const Dataset stored = Archive(path_).read("lens");
  std::int64_t first = 0;
  for (const std::int64_t number : {0, 1, 3}) {
    const std::int64_t count = kTokens[number];
    for (const char* name :
         {"entropy", "target_probability", "target_rank", "top_id", "top_probability"})
      expect_part(page, name, number, stored[name].tensor.narrow(1, first, count));
    expect_part(page, "pattern", number, stored["pattern_case" + std::to_string(number)].tensor);
    expect_part(page, "score", number,
                stored["score"].tensor.narrow(0, number == 3 ? 2 : number, 1));
    first += count;
  }
}

// Pictures are of numbers, so that any other view would leave texts out of the page.
TEST(PageOfTexts, ListsThemInATableWhicheverViewTheyDeclare) {
  const TempDir folder;
  const RunPlan plan = four_cases();
  RunWriter writer = RunWriter::start(folder / "texts.h5", plan, false);
  for (std::int64_t i = 0; i < std::ssize(plan.cases); ++i) {
    Dataset edges;
    edges.add("source", "edge", {"node of " + std::to_string(i)}, "begin of the edge");
    edges.set_attribute("source", "view", "graph");
    edges.add("remark", "layer", {"usual"}, "without a view");
    writer.commit(i, {{"edges", edges}}, {});
  }
  const PageReader page(page_of(writer.seal({}, {}, {}, {{"threads", 1}}, {{"host", "x"}}).path));
  const json& source = page.variable("edges", "source");
  EXPECT_EQ(source["view"], "table");
  EXPECT_EQ(page.texts(source["parts"][1]["block"])[0], "node of 1");
  EXPECT_EQ(page.variable("edges", "remark")["view"], "general");
}

TEST_F(Page, HasTheFactsOfTheArchive) {
  const PageReader page = read();
  const Archive archive(path_);
  const json& one = page.index()["archives"][0];
  EXPECT_EQ(one["digests"]["seal"], std::get<std::string>(archive.attributes().at("seal_sha256")));
  EXPECT_EQ(one["request"]["seed"], 3);
  EXPECT_EQ(one["files"][0]["bytes"], 1000);
  EXPECT_EQ(one["file"], "mine.h5");
  EXPECT_EQ(one["commands"]["verify"], "lensbench verify mine.h5");
  const json& cases = one["cases"];
  EXPECT_EQ(cases["count"], 4);
  EXPECT_EQ(page.texts(cases["id"])[3], "case-3");
  EXPECT_EQ(page.texts(cases["error"])[2], "no <such> token");
  EXPECT_THAT(page.numbers(cases["status"]), ElementsAre(1, 1, 2, 1));
  EXPECT_THAT(page.numbers(cases["tokens"]), ElementsAre(9, 6, 4, 11));
  EXPECT_EQ(one["receipts"][0]["name"], "lens_last_layer_equals_logits");
}

TEST_F(Page, FindsColumnsOfCasesByNamesOfVariables) {
  const PageReader page = read();
  const Dataset stored = Archive(path_).read("lens");
  const json& columns = page.index()["archives"][0]["cases"]["columns"];
  const auto entropy = page.numbers(PageReader::named(columns, "final entropy")["block"]);
  EXPECT_EQ(entropy[1], static_cast<double>(stored["entropy"].tensor[4][9 + 6 - 1].item<float>()));
  EXPECT_TRUE(std::isnan(entropy[2]));
  EXPECT_EQ(page.numbers(PageReader::named(columns, "score")["block"])[3], 11);
}

TEST_F(Page, VocabularyHasTheIdsThatOccurAlone) {
  const PageReader page =
      read({.cases = {"case-1"}, .max_bytes = std::size_t{2} << 20, .top_k = 2, .title = ""});
  const at::Tensor ids =
      Archive(path_).read("lens")["top_id"].tensor.narrow(1, 9, 6).narrow(2, 0, 2).contiguous();
  std::set<double> expected;
  for (std::int64_t i = 0; i < ids.numel(); ++i) expected.insert(ids.flatten()[i].item<double>());
  const json& vocabulary = page.index()["archives"][0]["vocabulary"];
  const auto found = page.numbers(vocabulary["id"]);
  EXPECT_EQ(std::set<double>(found.begin(), found.end()), expected);
  EXPECT_EQ(page.texts(vocabulary["text"])[0], made::word(static_cast<std::int64_t>(found[0])));
}

TEST_F(Page, NamesCasesByIdNumberOrRange) {
  const auto chosen = [&](std::vector<std::string> cases) {
    return read({.cases = std::move(cases),
                 .max_bytes = std::size_t{2} << 20,
                 .top_k = 5,
                 .title = ""})
        .index()["archives"][0]["cases"]["chosen"];
  };
  EXPECT_EQ(chosen({"case-3", "0"}), json({0, 3}));
  EXPECT_EQ(chosen({"1:3"}), json({1, 2}));
  EXPECT_EQ(chosen({}), json({0, 1, 2, 3}));
  EXPECT_THAT(testing::message_of<UsageError>([&] { chosen({"case-7"}); }),
              HasSubstr("did you mean 'case-0'"));
  EXPECT_THAT(testing::message_of<UsageError>([&] { chosen({"4"}); }),
              HasSubstr("does not have a case '4'"));
}

TEST_F(Page, LeavesOutInOrderAndSaysSo) {
  // Attention goes first, and probability stays. Pictures may go before, which makes room.
  std::size_t most = read().page().size();
  const auto smaller = [&] {
    return read({.cases = {}, .max_bytes = most -= 1500, .top_k = 5, .title = ""});
  };
  PageReader page = smaller();
  for (int i = 0; i < 30 && page.variable("lens", "pattern")["parts"].size() == 3; ++i)
    page = smaller();
  EXPECT_LE(page.page().size(), most);
  EXPECT_LT(page.variable("lens", "pattern")["parts"].size(), 3U);
  EXPECT_EQ(page.variable("lens", "target_probability")["parts"].size(), 3U);
  std::string notes;
  for (const json& note : page.index()["left_out"]) notes += note.dump();
  EXPECT_THAT(notes, HasSubstr("lens/pattern"));
  EXPECT_THAT(page.page(), HasSubstr("Not in this page"));
}

TEST_F(Page, RefusesABudgetThatTheFactsExceed) {
  EXPECT_THAT(testing::message_of<UsageError>(
                  [&] { read({.cases = {}, .max_bytes = 1000, .top_k = 5, .title = ""}); }),
              HasSubstr("more than --max-bytes 1000"));
}

TEST_F(Page, HasTheSameBytesTwice) {
  EXPECT_EQ(page_of(path_), page_of(path_));
}

/// How often rows were read: variable, index of the axes before them.
using Reads = std::map<std::tuple<std::string, std::vector<std::int64_t>>, int>;

TEST_F(Page, ReadsTheRowsOfItsCasesOnce) {
  const ArchiveReader archive(path_);
  std::vector<page::RunSource> runs;
  runs.push_back(page::source_of(archive));
  Reads reads;
  runs[0].stored = [&, stored = runs[0].stored](const auto& name, const auto& cases) {
    StoredDataset result = stored(name, cases);
    for (StoredVariable& variable : result.variables)
      if (variable.rows)
        variable.rows = [&reads, name = variable.facts.name, rows = variable.rows](
                            const auto& index, std::int64_t first, std::int64_t count) {
          // The table of cases has a column of the entropy at the last layer.
          if (!index.empty() && name != "entropy") ++reads[{name, index}];
          return rows(index, first, count);
        };
    return result;
  };
  // So small that the values are encoded in three ways.
  page::make_page(runs,
                  {.cases = {}, .max_bytes = read().page().size() - 3000, .top_k = 5, .title = ""});
  EXPECT_EQ(reads.count({"target_probability", {4}}), 1U);
  EXPECT_EQ(reads.count({"top_id", {0}}), 1U);
  for (const auto& [place, times] : reads) EXPECT_EQ(times, 1) << std::get<std::string>(place);
}

TEST_F(Page, StaticPartIsStrictHtmlWithTheFirstPrediction) {
  const std::string page = page_of(path_);
  const auto begin = page.find("<div id=\"static\">"), end = page.find("<div id=\"app\">");
  const fuzz::StrictHtml parsed(std::string_view(page).substr(begin, end - begin));
  EXPECT_THAT(parsed.texts, ::testing::Contains("Four <cases>"));
  EXPECT_THAT(parsed.texts, ::testing::Contains("no <such> token"));
  const Dataset stored = Archive(path_).read("lens");
  const auto id = stored["top_id"].tensor[4][8][0].item<std::int64_t>();
  EXPECT_THAT(parsed.texts, ::testing::Contains(made::word(id)));
  EXPECT_THAT(parsed.texts, ::testing::Contains("lensbench replay mine.h5"));
}

/// The `<figure>` elements of a page.
std::vector<std::string> pictures_of(const std::string& page) {
  std::vector<std::string> found;
  for (auto at = page.find("<figure>"); at != std::string::npos; at = page.find("<figure>", at + 1))
    found.push_back(page.substr(at, page.find("</figure>", at) - at));
  return found;
}

TEST_F(Page, HasAPictureOfEachViewWithoutScript) {
  const auto pictures = pictures_of(page_of(path_));
  ASSERT_FALSE(pictures.empty());
  const auto lens = std::find_if(pictures.begin(), pictures.end(), [](const std::string& one) {
    return one.find("lens/target_probability, case case-0") != std::string::npos;
  });
  ASSERT_NE(lens, pictures.end());
  EXPECT_THAT(*lens, HasSubstr("<code>lensbench plot mine.h5 lens/target_probability --case "
                               "case-0 --width 170mm -o figure.svg</code>"));
  // Five layers of nine tokens; the first rectangle is that of the last layer and first token.
  const auto cells = testing::cells(*lens);
  ASSERT_EQ(cells.size(), 45U);
  const at::Tensor values =
      Archive(path_).read("lens")["target_probability"].tensor.narrow(1, 0, 9);
  const auto at = values.flatten().argmax().item<std::int64_t>();
  const auto place = static_cast<std::size_t>((4 - at / 9) * 9 + at % 9);
  EXPECT_EQ(cells.at(place).attributes.at("fill"), "#fde725");  // the high end of viridis
  EXPECT_TRUE(std::any_of(pictures.begin(), pictures.end(), [](const std::string& one) {
    return one.find("lens/pattern, case case-0") != std::string::npos;
  }));
}

TEST_F(Page, PicturesGiveWayToFacts) {
  std::size_t most = page_of(path_).size(), without = 0, said = 0;
  try {
    for (; most > 3000; most -= 3000) {
      PageRequest request;
      request.max_bytes = most;
      const std::string page = page_of(path_, request);
      EXPECT_LE(page.size(), most);
      without = pictures_of(page).empty() ? without + 1 : 0;
      if (page.find("lens/target_probability, case case-0: <code>lensbench plot") !=
              std::string::npos &&
          page.find("does not fit into this page") != std::string::npos)
        ++said;
    }
  } catch (const UsageError&) {
  }
  EXPECT_GT(without, 0U) << "the facts alone were not tried";
  EXPECT_GT(said, 0U) << "no page names the picture that it lacks";
}

TEST_F(Page, RanksBeyondTheLimitAreNamed) {
  const PageReader page = read();
  EXPECT_EQ(page.variable("lens", "top_id")["parts"][0]["shape"], json({5, 9, 5}));
  EXPECT_THAT(page.index()["left_out"].dump(), HasSubstr("--top-k 7"));
}

TEST(PageOfRun, ShowsWhatIsSafeSoFar) {
  const TempDir folder;
  const RunWriter writer = run_cases(folder / "mine.h5", four_cases());
  const CommittedResults run(folder / "mine.run");
  std::vector<page::RunSource> runs;
  runs.push_back(page::source_of(run, made::word));
  const PageReader page(page::make_page(runs, {}));
  const json& one = page.index()["archives"][0];
  EXPECT_EQ(one["complete"], false);
  EXPECT_EQ(one["verified"], false);
  EXPECT_THAT(one["incomplete"].get<std::string>(), HasSubstr("3 of 4 cases"));
  // The command for the picture needs a sealed archive.
  const auto pictures = pictures_of(page.page());
  ASSERT_FALSE(pictures.empty());
  for (const std::string& picture : pictures)
    EXPECT_EQ(picture.find("lensbench plot"), std::string::npos);
  EXPECT_EQ(page.variable("lens", "entropy")["parts"].size(), 3U);
  EXPECT_EQ(one["request"]["seed"], 3);
}

TEST(PageOfTwo, ComparesAndAligns) {
  const TempDir folder;
  RunPlan other = four_cases();
  other.request["seed"] = 4;
  other.cases[1].ids[2] = 1999;
  const auto a = write_archive_of(folder / "a.h5"), b = write_archive_of(folder / "b.h5", other);
  const ArchiveReader first(a), second(b);
  std::vector<page::RunSource> runs;
  runs.push_back(page::source_of(first));
  runs.push_back(page::source_of(second));
  const PageReader page(page::make_page(runs, {}, diff_archives(first, second)));
  const json& comparison = page.index()["comparison"];
  EXPECT_EQ(page.index()["kind"], "comparison");
  EXPECT_THAT(comparison["recipe"].dump(), HasSubstr("request/seed"));
  const auto& variables = comparison["variables"];
  const auto entropy = std::find_if(variables.begin(), variables.end(), [](const json& variable) {
    return variable["name"] == "entropy";
  });
  ASSERT_NE(entropy, variables.end());
  EXPECT_EQ((*entropy)["verdict"], "equal");
  ASSERT_EQ(comparison["alignment"].size(), 3U);
  EXPECT_THAT(page.numbers(comparison["alignment"][1]["pairs"]),
              ElementsAre(0, 1, 2, -1, 3, 4, 5, 0, 1, -1, 2, 3, 4, 5));
}

}  // namespace
}  // namespace lensbench
