// What the tool is asked, what it refuses, and how it goes on.
#include <map>

#include "bench/run_services.hpp"
#include "probe_fixture.hpp"
#include "support/contexts.hpp"

namespace lensbench::probing {
namespace {

/// A run that the user stops after some items, and whose states survive.
class StoppedFits : public RunServices {
 public:
  explicit StoppedFits(std::int64_t items) : items_(items) {}
  void progress(std::int64_t done, std::int64_t) override { done_ = done; }
  bool cancelled() const override { return done_ >= items_; }
  void commit(const std::string& key, const Dataset& state) override { states[key] = state; }
  std::optional<Dataset> committed(const std::string& key) const override {
    const auto found = states.find(key);
    return found == states.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<std::string, Dataset> states;

 private:
  std::int64_t items_, done_ = 0;
};

std::string lines(std::int64_t count) {
  std::string text;
  for (std::int64_t i = 0; i < count; ++i)
    text += "{\"ids\": [" + std::to_string(3 + i) + ", " + std::to_string(7 + 5 * i % 11) +
            "], \"label\": " + std::to_string(i % 2) + "}\n";
  return text;
}

class ProbeRequests : public ::testing::Test {
 protected:
  std::string file(const std::string& text) { return folder_.write("examples.jsonl", text); }
  Dataset fit(RunServices* run = nullptr) {
    ProbeBench bench(model_);
    if (run != nullptr) ContextAccess::connect(bench.context, run);
    Dataset found = bench.tool.fit(bench.tool.read(file(lines(12))), {.folds = 3});
    ContextAccess::connect(bench.context, nullptr);
    return found;
  }
  std::string misread(const std::string& text) {
    return message_of<InputError>([&] { bench_.tool.read(file(text)); });
  }
  std::string refusal(const std::string& text, const Settings& more = {}) {
    Settings settings = {{"examples", file(text)}};
    settings.insert(more.begin(), more.end());
    return message_of<UsageError>(
        [&] { bench_.tool.check_parameters(bench_.tool.parameters(settings)); });
  }

  testing::TempDir folder_;
  std::shared_ptr<const Model> model_ = sample("gpt2");
  ProbeBench bench_{model_};
};

TEST_F(ProbeRequests, GoOnAfterAnInterruptionWithTheSameBits) {
  const Dataset whole = fit();
  for (const std::int64_t items : {1, 2}) {
    StoppedFits stopped(items), resumed(100);
    EXPECT_THAT(message_of<RunError>([&] { fit(&stopped); }), HasSubstr("--resume"));
    EXPECT_EQ(stopped.states.at("probe_fits")["done"].tensor.item<std::int64_t>(), items);
    resumed.states = stopped.states;
    testing::expect_equal(fit(&resumed), whole);
  }
}

TEST_F(ProbeRequests, ReadEveryField) {
  const auto found = bench_.tool.read(
      file(R"({"ids": [3, 4], "label": true, "group": 7, "position": -1, "pair": "a"})"
           "\n\n"
           R"({"ids": [5], "label": -2})"));
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[0].label, "true");
  EXPECT_EQ(found[0].group, "7");
  EXPECT_EQ(found[0].pair, "a");
  EXPECT_EQ(found[0].position, -1);
  EXPECT_EQ(found[1].label, "-2");
  EXPECT_FALSE(found[1].position.has_value());
}

TEST_F(ProbeRequests, SortLabelsThatAreNumbersAsNumbers) {
  std::string text;
  for (std::int64_t i = 0; i < 8; ++i)
    text += "{\"ids\": [" + std::to_string(3 + i) + "], \"label\": " + (i % 2 == 0 ? "10" : "9") +
            "}\n";
  const Dataset found = bench_.tool.fit(bench_.tool.read(file(text)), {.folds = 2});
  EXPECT_THAT(found["class"].strings, ::testing::ElementsAre("9", "10"));
}

TEST_F(ProbeRequests, NameFileLineAndFieldOfABadFile) {
  EXPECT_THAT(misread(""), HasSubstr("is empty"));
  EXPECT_THAT(misread("{\"ids\": [3], \"label\": 1}\nno"), HasSubstr("examples.jsonl:2"));
  EXPECT_THAT(misread("[1]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(misread(R"({"ids": [3]})"), HasSubstr("field label is missing"));
  EXPECT_THAT(misread(R"({"label": 1})"), HasSubstr("exactly one of the fields text and ids"));
  EXPECT_THAT(misread(R"({"ids": [3], "label": 1.5})"), HasSubstr("field label"));
  EXPECT_THAT(misread(R"({"ids": [3], "label": "  "})"), HasSubstr("field label is empty"));
  EXPECT_THAT(misread(R"({"ids": [], "label": 1})"), HasSubstr("field ids"));
  EXPECT_THAT(misread(R"({"ids": [99999], "label": 1})"), HasSubstr("99999"));
  EXPECT_THAT(misread(R"({"ids": [3], "label": 1, "colour": 2})"),
              HasSubstr("unknown field colour"));
  EXPECT_THAT(misread(R"({"ids": [3], "label": 1, "position": "x"})"), HasSubstr("field position"));
  EXPECT_THAT(misread("{\"text\": \"\xff\", \"label\": 1}"), HasSubstr("not UTF-8"));
  EXPECT_THAT(misread("{\"ids\": [3], \"label\": 1}\n{\"ids\": [4], \"label\": 0, \"label\": 1}"),
              HasSubstr("examples.jsonl:2: the key label is given twice; give it once"));
}

TEST_F(ProbeRequests, ForExamplesThatCannotBeSplitAreRefused) {
  EXPECT_THAT(refusal("{\"ids\": [3], \"label\": 1}\n{\"ids\": [4], \"label\": 1}\n"),
              HasSubstr("found 1 different labels"));
  EXPECT_THAT(refusal(lines(3)), HasSubstr("folds is 5 and there are 3 groups"));
  std::string one_group;
  for (std::int64_t i = 0; i < 8; ++i)
    one_group += "{\"ids\": [" + std::to_string(3 + i) + "], \"label\": " + (i < 6 ? "0" : "1") +
                 ", \"group\": " + std::to_string(i < 6 ? i : 6) + "}\n";
  EXPECT_THAT(refusal(one_group, {{"folds", "3"}}), HasSubstr("at least two groups"));
}

TEST_F(ProbeRequests, ForPositionsAndPointsThatAreNotThereAreRefused) {
  EXPECT_THAT(refusal(lines(12), {{"position", "2"}}), HasSubstr("outside of example 0"));
  EXPECT_THAT(refusal(lines(12), {{"position", "middle"}}), HasSubstr("'middle'"));
  EXPECT_THAT(refusal(lines(12), {{"position", "marker"}}), HasSubstr("has no position"));
  EXPECT_THAT(refusal(lines(12), {{"hooks", "blocks.*.attn.hook_pattern"}}), HasSubstr("pos"));
  EXPECT_THAT(refusal(lines(12), {{"hooks", "hook_embed,blocks.*.mlp.hook_post"}}),
              HasSubstr("width"));
  EXPECT_THAT(refusal("{\"ids\": [3], \"label\": 1, \"position\": 0}\n" + lines(12)),
              HasSubstr("position=last does not read"));
}

TEST_F(ProbeRequests, ForPairsThatAreNotPairsAreRefused) {
  const std::string paired = "{\"ids\": [30], \"label\": 1, \"pair\": \"a\"}\n";
  EXPECT_THAT(refusal(paired + lines(12)), HasSubstr("12 examples have no pair"));
  EXPECT_THAT(refusal(paired + "{\"ids\": [31], \"label\": 1, \"pair\": \"a\"}\n"
                               "{\"ids\": [32], \"label\": 0, \"pair\": \"b\"}\n"),
              HasSubstr("expected two with different labels"));
  std::string three;
  for (std::int64_t i = 0; i < 12; ++i)
    three +=
        "{\"ids\": [" + std::to_string(3 + i) + "], \"label\": " + std::to_string(i % 3) + "}\n";
  EXPECT_THAT(refusal(three, {{"neurons", "true"}}), HasSubstr("neurons compares two labels"));
}

TEST_F(ProbeRequests, OfExamplesWithoutChangeAnswerEveryPromptAlike) {
  const Settings settings = {{"examples", file(lines(12))}, {"folds", "3"}};
  const Dataset first = static_cast<Tool&>(bench_.tool).run(bench_.tokens, settings);
  testing::expect_equal(static_cast<Tool&>(bench_.tool).run(bench_.tokens, settings), first);
  // Another text under the same name is another request.
  file(lines(18));
  EXPECT_EQ(static_cast<Tool&>(bench_.tool).run(bench_.tokens, settings)["label"].tensor.size(0),
            18);
}

}  // namespace
}  // namespace lensbench::probing
