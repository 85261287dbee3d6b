#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <set>

#include "support/embedded_model.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using Ids = std::vector<std::int64_t>;

// Ten documents of one token, whose id is the number of the document.
constexpr const char* kTen =
    "{\"ids\": [0]}\n{\"ids\": [1]}\n{\"ids\": [2]}\n{\"ids\": [3]}\n{\"ids\": [4]}\n"
    "{\"ids\": [5]}\n{\"ids\": [6]}\n{\"ids\": [7]}\n{\"ids\": [8]}\n{\"ids\": [9]}\n";

std::vector<Ids> windows_of(Corpus& corpus) {
  std::vector<Ids> all;
  while (const auto window = corpus.next()) all.push_back(window->tokens.ids);
  return all;
}

class CorpusTest : public ::testing::Test {
 protected:
  std::string jsonl(const std::string& text) {
    return folder_.write("corpus.jsonl", text).string();
  }
  std::vector<Ids> windows(const std::string& text, const CorpusOptions& options = {}) {
    Corpus corpus(*model_, jsonl(text), options);
    return windows_of(corpus);
  }
  /// Documents of `kTen` in the order of reading.
  Ids order(const CorpusOptions& options) {
    Ids numbers;
    for (const Ids& ids : windows(kTen, options)) numbers.push_back(ids.front());
    return numbers;
  }
  std::string refusal(const std::string& text, const CorpusOptions& options = {}) {
    return message_of<InputError>([&] { windows(text, options); });
  }

  testing::TempDir folder_;
  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 3);
};

TEST_F(CorpusTest, HasOneWindowForEachDocument) {
  EXPECT_THAT(windows("{\"ids\": [3, 1, 2]}\n\n{\"ids\": [4]}\n"),
              ElementsAre(Ids{3, 1, 2}, Ids{4}));
}

TEST_F(CorpusTest, CutsDocumentsIntoWindowsWithoutJoiningThem) {
  EXPECT_THAT(windows("{\"ids\": [0, 1, 2, 3, 4]}\n{\"ids\": [5, 6]}\n", {.length = 2}),
              ElementsAre(Ids{0, 1}, Ids{2, 3}, Ids{4}, Ids{5, 6}));
}

TEST_F(CorpusTest, LeavesOutWindowsThatAreTooShort) {
  EXPECT_THAT(windows("{\"ids\": [0, 1, 2, 3, 4]}\n{\"ids\": [5]}\n{\"ids\": [6, 7]}\n",
                      {.length = 2, .min_length = 2}),
              ElementsAre(Ids{0, 1}, Ids{2, 3}, Ids{6, 7}));
}

TEST_F(CorpusTest, SaysWhereAWindowIsFrom) {
  Corpus corpus(*model_, jsonl("\n{\"ids\": [0, 1, 2]}\n\n{\"ids\": [5]}\n"), {.length = 2});
  corpus.next();
  const auto second = corpus.next();
  EXPECT_EQ(second->document, 0);
  EXPECT_EQ(second->first_position, 2);
  EXPECT_THAT(second->source, HasSubstr("corpus.jsonl:2"));
  EXPECT_THAT(corpus.next()->source, HasSubstr("corpus.jsonl:4"));
  EXPECT_FALSE(corpus.next().has_value());
  EXPECT_EQ(corpus.documents(), 2);
}

TEST_F(CorpusTest, GivesTheSameWindowsAgainAfterRewind) {
  Corpus corpus(*model_, jsonl(kTen), {.shuffle = true, .seed = 5});
  const auto first = windows_of(corpus);
  corpus.rewind();
  EXPECT_EQ(windows_of(corpus), first);
  EXPECT_EQ(first.size(), 10u);
}

TEST_F(CorpusTest, ShufflesDocumentsByTheSeed) {
  const Ids one = order({.shuffle = true, .seed = 1});
  EXPECT_THAT(one, ::testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(one, order({.shuffle = true, .seed = 1}));
  EXPECT_NE(one, order({.shuffle = true, .seed = 2}));
  EXPECT_FALSE(std::is_sorted(one.begin(), one.end()));
  EXPECT_THAT(order({}), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST_F(CorpusTest, DividesDocumentsIntoTwoParts) {
  CorpusOptions options{.held_out_share = 0.3, .seed = 4};
  options.part = CorpusPart::train;
  Ids all = order(options);
  EXPECT_EQ(all.size(), 7u);
  options.part = CorpusPart::held_out;
  const Ids held_out = order(options);
  EXPECT_EQ(held_out.size(), 3u);
  all.insert(all.end(), held_out.begin(), held_out.end());
  EXPECT_EQ(std::set<std::int64_t>(all.begin(), all.end()).size(), 10u);
  options.seed = 5;
  EXPECT_NE(order(options), held_out);
}

TEST_F(CorpusTest, KeepsThePartsWhenItShuffles) {
  CorpusOptions options{.part = CorpusPart::held_out, .held_out_share = 0.5, .seed = 4};
  Ids plain = order(options);
  options.shuffle = true;
  EXPECT_THAT(order(options), ::testing::UnorderedElementsAreArray(plain));
}

TEST_F(CorpusTest, NamesFileAndLineOfAnError) {
  EXPECT_THAT(refusal("{\"ids\": [1]}\n{\"ids\": [1.5]}\n"),
              AllOf(HasSubstr("corpus.jsonl:2: "), HasSubstr("1.5")));
  EXPECT_THAT(refusal("\n{\"ids\": [1000000]}\n"),
              AllOf(HasSubstr("corpus.jsonl:2: "), HasSubstr("1000000")));
  EXPECT_THAT(refusal("{\"texts\": \"a\"}\n"),
              AllOf(HasSubstr("corpus.jsonl:1: "), HasSubstr("'text' or 'ids'")));
  EXPECT_THAT(refusal("[1]\n"), AllOf(HasSubstr("corpus.jsonl:1: "), HasSubstr("object")));
  EXPECT_THAT(refusal("{\"text\": \"a\"}\n"),  // this model lacks a tokenizer
              AllOf(HasSubstr("corpus.jsonl:1: "), HasSubstr("tokenizer")));
  EXPECT_THAT(refusal("{\"ids\": [1]}\n\xff\n"),
              AllOf(HasSubstr("corpus.jsonl:2: "), HasSubstr("UTF-8")));
  EXPECT_THAT(refusal("\n"), HasSubstr("lacks documents"));
}

TEST_F(CorpusTest, RefusesADocumentThatIsLongerThanThePositions) {
  const auto limit = model_->spec().max_positions;
  std::string ids = "0";
  for (std::int64_t i = 0; i < limit; ++i) ids += ",0";
  EXPECT_THAT(
      refusal("{\"ids\": [" + ids + "]}\n"),
      AllOf(HasSubstr("corpus.jsonl:1: "), HasSubstr(std::to_string(limit) + " positions")));
  EXPECT_EQ(windows("{\"ids\": [" + ids + "]}\n", {.length = limit}).size(), 2u);
}

TEST_F(CorpusTest, RefusesNumbersOutOfRange) {
  const auto refused = [&](const CorpusOptions& options) {
    return message_of<UsageError>([&] { windows(kTen, options); });
  };
  EXPECT_THAT(refused({.length = model_->spec().max_positions + 1}), HasSubstr("positions"));
  EXPECT_THAT(refused({.length = -1}), HasSubstr("-1"));
  EXPECT_THAT(refused({.length = 2, .min_length = 3}), HasSubstr("3 tokens"));
  EXPECT_THAT(refused({.held_out_share = 1.5}), HasSubstr("1.5"));
}

TEST_F(CorpusTest, SamplesWindowsFromTheModel) {
  Corpus corpus(*model_, "generated:4", {.length = 6, .seed = 7});
  const auto first = windows_of(corpus);
  ASSERT_EQ(first.size(), 4u);
  for (const Ids& ids : first) EXPECT_EQ(ids.size(), 6u);
  EXPECT_EQ(std::set<Ids>(first.begin(), first.end()).size(), 4u);
  Corpus again(*model_, "generated:4", {.length = 6, .seed = 7});
  EXPECT_EQ(windows_of(again), first);
  Corpus more(*model_, "generated:5", {.length = 6, .seed = 7});
  EXPECT_EQ(more.next()->tokens.ids, first.front());
  Corpus other(*model_, "generated:4", {.length = 6, .seed = 8});
  EXPECT_NE(windows_of(other), first);
}

TEST_F(CorpusTest, RefusesAnUnclearNumberOfGeneratedWindows) {
  for (const char* source : {"generated:", "generated:0", "generated:-2", "generated:4x"})
    EXPECT_THAT(message_of<UsageError>([&] { Corpus(*model_, source); }), HasSubstr(source));
}

class TextCorpus : public ::testing::Test {
 protected:
  testing::TempDir folder_;
  std::shared_ptr<const Model> model_ = Model::open(testing::kModel);
};

TEST_F(TextCorpus, ReadsADocumentInEachLineOfAText) {
  const auto path = folder_.write("texts.txt", "And God said\n\n in the land of\r\n");
  Corpus corpus(*model_, path.string());
  EXPECT_EQ(corpus.next()->tokens.ids, to_tokens(*model_, "And God said").ids);
  EXPECT_EQ(corpus.next()->tokens.ids, to_tokens(*model_, " in the land of").ids);
  EXPECT_FALSE(corpus.next().has_value());
}

TEST_F(TextCorpus, LeavesOutLinesOfWhiteSpaceAlone) {
  const auto path =
      folder_.write("texts.txt", "  \n\tAnd God said\n \t\v\f \r\n in the land of\n  ");
  Corpus corpus(*model_, path.string());
  EXPECT_EQ(corpus.documents(), 2);
  EXPECT_EQ(corpus.next()->tokens.ids, to_tokens(*model_, "\tAnd God said").ids);
  const auto second = corpus.next();
  EXPECT_EQ(second->tokens.ids, to_tokens(*model_, " in the land of").ids);
  EXPECT_THAT(second->source, HasSubstr("texts.txt:4"));
  EXPECT_FALSE(corpus.next().has_value());
}

TEST_F(TextCorpus, RefusesWhiteSpaceAlone) {
  for (const char* text : {"", "\n\n", "  \n\t\n", "\n\n  \n"})
    EXPECT_THAT(
        message_of<InputError>([&] { Corpus(*model_, folder_.write("texts.txt", text).string()); }),
        HasSubstr("texts.txt: the file lacks documents"))
        << ::testing::PrintToString(text);
  const auto lines = folder_.write("texts.jsonl", "{\"text\": \"And\"}\n \n{\"text\": \" \\n\"}\n");
  Corpus corpus(*model_, lines.string());
  EXPECT_EQ(corpus.documents(), 2);
  corpus.next();
  EXPECT_THAT(message_of<InputError>([&] { corpus.next(); }),
              HasSubstr("texts.jsonl:3: the text has white space alone"));
}

TEST_F(TextCorpus, AddsABosToTheFirstWindowOfATextWhenAsked) {
  const auto path = folder_.write(
      "texts.jsonl", "{\"text\": \"And God said unto Moses\"}\n{\"ids\": [5, 6, 7]}\n");
  Corpus corpus(*model_, path.string(), {.length = 3, .prepend_bos = true});
  const Ids whole = to_tokens(*model_, "And God said unto Moses", true).ids;
  const auto first = corpus.next(), second = corpus.next();
  EXPECT_EQ(first->tokens.ids, Ids(whole.begin(), whole.begin() + 3));
  EXPECT_TRUE(first->tokens.bos_added);
  EXPECT_FALSE(second->tokens.bos_added);
  EXPECT_EQ(second->tokens.texts.size(), second->tokens.ids.size());
  std::optional<CorpusWindow> last;
  while (auto window = corpus.next()) last = std::move(window);
  EXPECT_EQ(last->tokens.ids, (Ids{5, 6, 7}));
}

}  // namespace
}  // namespace lensbench
