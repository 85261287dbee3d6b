// Texts of strangers in all places of a page. They are drawn, so that no list of
// known attacks is the limit; the seed is fixed, so that a failure can be repeated.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/dataset/join_cases.hpp"
#include "framework/report/page/page_reader.hpp"
#include "framework/report/page/placed_texts.hpp"
#include "fuzz/strict_html.hpp"
#include "report/page/page.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using testing::came_back;
using testing::HostileText;
using testing::kConcepts;
using testing::kTokensOfCase;
using testing::kVocabularySize;
using testing::PageReader;
using testing::PlacedTexts;
using testing::result_with;

constexpr int kCasesOfRun = 3;

json record_with(PlacedTexts& texts, const std::string& kind) {
  return {{"role", texts.at(kind + " role")},
          {"name", texts.at(kind + " name")},
          {"version", texts.at(kind + " version")},
          {"sha256", std::string(64, 'a')},
          {"bytes", 7},
          {"tools", {texts.at(kind + " tool")}}};
}

/// A run in memory with texts in all its places. `data` is its only result, of the first case.
page::RunSource source_with(PlacedTexts& texts, const Dataset& data) {
  page::RunSource source;
  source.file = texts.at("file");
  source.title = texts.at("title");
  source.experiment = texts.at("experiment");
  source.experiment_version = texts.at("version");
  source.digests = {{"results", std::string(64, 'b')}};
  source.request = {{"kind", "experiment"},
                    {"tools", {texts.at("tool")}},
                    {"parameters", {{texts.at("parameter"), texts.at("parameter value")}}}};
  source.environment = {{"host", texts.at("host")},
                        {texts.at("fact"), {{"deep", texts.at("deep")}}}};
  source.run = {{"model_directory", texts.at("model")}};
  source.costs = json::object();
  source.files = json::array({record_with(texts, "file record")});
  source.plugins = json::array({record_with(texts, "plug-in record")});
  for (int i = 0; i < kCasesOfRun; ++i) {
    const std::string number = std::to_string(i);
    const bool failed = i == 1;
    source.cases.push_back({texts.at("id" + number),
                            texts.at("text" + number),
                            kTokensOfCase,
                            {},
                            failed ? CaseStatus::failed : CaseStatus::complete,
                            failed ? texts.at("error") : ""});
  }
  for (const bool passed : {false, true})
    source.receipts.push_back({{texts.at(passed ? "receipt" : "failed receipt"), 1, 2, passed,
                                texts.at(passed ? "note" : "failed note")},
                               texts.at(passed ? "dataset" : "failed dataset"),
                               0});
  source.names = {"lens"};
  source.stored = [&data](const std::string&, const std::vector<std::int64_t>&) {
    return page::stored_form(join_cases({data}, {0}, {"a case"}));
  };
  std::vector<std::string> vocabulary;
  for (int id = 0; id < kVocabularySize; ++id)
    vocabulary.push_back(texts.at("vocabulary" + std::to_string(id)));
  source.token = [vocabulary](std::int64_t id) {
    return vocabulary.at(static_cast<std::size_t>(id));
  };
  return source;
}

std::string page_with(PlacedTexts& texts) {
  const Dataset data = result_with(texts);
  std::vector<page::RunSource> runs;
  runs.push_back(source_with(texts, data));
  page::PageRequest request;
  request.max_bytes = std::size_t{16} << 20;
  return page::make_page(runs, request);
}

/// The first 200 characters, as the table of cases has them.
std::string beginning_of(const std::string& text) {
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool starts = (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
    if (starts && characters++ == 200) return text.substr(0, at) + "…";
  }
  return text;
}

class HostilePage : public ::testing::Test {
 protected:
  /// Checks a text of the data of the page.
  void expect_data(const json& found, const std::string& place) const {
    ASSERT_TRUE(found.is_string()) << place;
    EXPECT_TRUE(came_back(found, (*texts)[place].bytes, (*texts)[place].in_json))
        << place << "\nwritten: " << (*texts)[place].bytes << "\nfound: " << found;
  }
  void expect_list(const std::vector<std::string>& found, const std::string& place,
                   int count) const {
    ASSERT_EQ(std::ssize(found), count) << place;
    for (std::size_t i = 0; i < found.size(); ++i) expect_data(found[i], place + std::to_string(i));
  }

  void expect_facts(const json& archive) const {
    expect_data(archive["file"], "file");
    expect_data(archive["title"], "title");
    expect_data(archive["experiment"], "experiment");
    expect_data(archive["experiment_version"], "version");
    expect_data(archive["tools"][0], "tool");
    expect_data(archive["request"]["parameters"].begin().key(), "parameter");
    expect_data(archive["request"]["parameters"].begin().value(), "parameter value");
    expect_data(archive["run"][0][1], "model");
    ASSERT_EQ(archive["environment"].size(), 2U);
    for (const json& pair : archive["environment"])
      if (pair[0] == "host")
        expect_data(pair[1], "host");
      else {
        expect_data(pair[0], "fact");
        expect_data(json::parse(pair[1].get<std::string>())["deep"], "deep");
      }
    for (const char* field : {"role", "name", "version"}) {
      expect_data(archive["files"][0][field], std::string("file record ") + field);
      expect_data(archive["plugins"][0][field], std::string("plug-in record ") + field);
    }
    ASSERT_EQ(archive["receipts"].size(), 2U);
    for (const json& one : archive["receipts"]) {
      const std::string failed = one["passed"].get<bool>() ? "" : "failed ";
      expect_data(one["name"], failed + "receipt");
      expect_data(one["note"], failed + "note");
      expect_data(one["result"], failed + "dataset");
      expect_data(one["worst_case"], "id0");
    }
  }

  void expect_cases(const PageReader& page, const json& cases) const {
    expect_list(page.texts(cases["id"]), "id", kCasesOfRun);
    expect_data(page.texts(cases["error"]).at(1), "error");
    const auto found = page.texts(cases["text"]);
    ASSERT_EQ(found.size(), 3U);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const HostileText& text = (*texts)["text" + std::to_string(i)];
      if (text.bytes == text.in_json) {
        EXPECT_EQ(found[i], beginning_of(text.bytes)) << i;
      }
    }
  }

  void expect_result(const PageReader& page, const json& archive) const {
    const json& result = archive["results"][0];
    expect_list(page.texts(result["tokens"]["0"]["input_token"]), "token", kTokensOfCase);
    expect_list(page.texts(PageReader::named(result["dims"], "concept")["labels"]), "concept",
                kConcepts);
    expect_data(result["attributes"]["method"], "attribute");
    for (const char* name : {"target_probability", "concept_score"}) {
      const json& variable = PageReader::named(result["variables"], name);
      expect_data(variable["unit"], std::string("unit of ") + name);
      expect_data(variable["long_name"], std::string("meaning of ") + name);
      expect_data(variable["attributes"]["remark"], std::string("remark of ") + name);
    }
    const json& answer = PageReader::named(result["variables"], "answer");
    expect_list(page.texts(answer["parts"][0]["block"]), "answer", kConcepts);
    expect_list(page.texts(archive["vocabulary"]["text"]), "vocabulary", kVocabularySize);
  }

  /// Checks that a text is one of those between the tags of the part without script.
  void expect_shown(const std::vector<std::string>& shown, const std::string& place) const {
    const HostileText& text = (*texts)[place];
    EXPECT_TRUE(std::any_of(
        shown.begin(), shown.end(),
        [&](const std::string& one) { return came_back(one, text.bytes, text.in_markup); }))
        << place << "\nwritten: " << text.bytes;
  }

  /// A page and the texts that were written to it.
  struct Made {
    PlacedTexts texts;
    std::string page;
  };
  static void SetUpTestSuite() {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      PlacedTexts drawn(seed);
      std::string page = page_with(drawn);
      pages_.push_back({std::move(drawn), std::move(page)});
    }
  }
  static void TearDownTestSuite() { pages_.clear(); }

  /// Checks each page until one fails.
  template <class Check>
  void for_each_page(const Check& check) {
    for (std::size_t i = 0; i < pages_.size() && !HasFailure(); ++i) {
      SCOPED_TRACE("seed " + std::to_string(i + 1));
      texts = &pages_[i].texts;
      check(pages_[i].page);
    }
  }

  static std::vector<Made> pages_;
  const PlacedTexts* texts = nullptr;
};

std::vector<HostilePage::Made> HostilePage::pages_;

/// Removes the elements that begin with a text.
void remove_all(std::string& part, std::string_view begin, std::string_view end) {
  for (auto at = part.find(begin); at != std::string::npos; at = part.find(begin, at))
    part.erase(at, part.find(end, at) + end.size() - at);
}

/// The part without script, without its pictures, whose texts are cut to fit, and without the
/// sentences about those that do not fit into the page.
std::string without_pictures(const std::string& page) {
  const auto begin = page.find("<div id=\"static\">"), end = page.find("<div id=\"app\">");
  std::string part = page.substr(begin, end - begin);
  remove_all(part, "<figure>", "</figure>");
  remove_all(part, "<p>The picture of ", "</p>");
  return part;
}

TEST_F(HostilePage, HasEveryTextInItsData) {
  std::size_t count = 0;
  for_each_page([&](const std::string& bytes) {
    const PageReader page(bytes);
    const json& archive = page.index()["archives"][0];
    expect_facts(archive);
    expect_cases(page, archive["cases"]);
    expect_result(page, archive);
    count += texts->size();
  });
  EXPECT_GT(count, 2000U);
}

TEST_F(HostilePage, ShowsEveryTextWithoutScriptAndAddsNoElement) {
  PlacedTexts plain;
  const fuzz::StrictHtml expected(without_pictures(page_with(plain)));
  for_each_page([&](const std::string& page) {
    const fuzz::StrictHtml found(without_pictures(page));
    EXPECT_EQ(found.tags, expected.tags);
    for (const char* place : {"title", "id0", "id1", "error", "receipt", "failed receipt", "note",
                              "failed dataset", "parameter", "parameter value", "host", "fact",
                              "model", "file record name", "plug-in record name"})
      expect_shown(found.texts, place);
    const auto title = page.find("<title>"), style = page.find("<style>");
    expect_shown(fuzz::StrictHtml(page.substr(title, style - title)).texts, "title");
  });
}

// Data are in elements whose content is base64 alone, which the browser reads up to the next tag.
TEST_F(HostilePage, HasNoScriptsButItsOwn) {
  constexpr std::string_view kScript = "<script", kData = " type=\"text/plain\" id=\"";
  for_each_page([&](const std::string& page) {
    int scripts = 0;
    for (auto at = page.find(kScript); at != std::string::npos; at = page.find(kScript, at)) {
      at += kScript.size();
      if (std::string_view(page).substr(at).starts_with(kData)) continue;
      EXPECT_EQ(page[at], '>');
      ++scripts;
    }
    EXPECT_EQ(scripts, 1);
    EXPECT_EQ(page.find("<img"), std::string::npos);
    EXPECT_NO_THROW(json(page).dump()) << "the page is not valid UTF-8";
  });
}

}  // namespace
}  // namespace lensbench
