// What the tool refuses, records and counts, by requests on the embedded model.
#include <cmath>

#include "facts/measures.hpp"
#include "facts/plan.hpp"
#include "facts/scores.hpp"
#include "facts_fixture.hpp"
#include "support/embedded_model.hpp"
#include "support/folders.hpp"

namespace lensbench::facts {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kTwo =
    "{\"subject\": \"Pharaoh\", \"relation\": \"king of\", \"object\": \"Egypt\", \"templates\": "
    "\"And {} king of\"}\n"
    "{\"subject\": \"Nebuchadnezzar\", \"relation\": \"king of\", \"object\": \"Babylon\"}\n";

class FactRequests : public ::testing::Test {
 protected:
  static std::shared_ptr<const Model> model() {
    static const auto opened = Model::open(testing::kModel);
    return opened;
  }
  Settings file(const std::string& text) const {
    return {{"facts", folder_.write("facts.jsonl", text)}, {"trace", "false"}};
  }
  std::string bad_file(const std::string& text) {
    return message_of<InputError>([&] { bench_.run(file(text)); });
  }
  std::string bad_settings(const Settings& settings) {
    return message_of<UsageError>([&] { bench_.run(settings); });
  }
  Settings changed(Settings settings, const Settings& with) const {
    for (const auto& [name, value] : with) settings[name] = value;
    return settings;
  }
  /// A line for the relation `king of`, with further fields.
  static std::string line(const std::string& subject, const std::string& object,
                          const std::string& more = "") {
    return "{\"subject\": \"" + subject + "\", \"relation\": \"king of\", \"object\": \"" + object +
           "\"" + more + "}\n";
  }

  testing::TempDir folder_;
  FactsBench bench_{model()};
};

TEST_F(FactRequests, RefuseLinesThatAreNotFacts) {
  EXPECT_THAT(bad_file(""), HasSubstr("facts.jsonl' is empty; give in each line a JSON object"));
  EXPECT_THAT(bad_file("\n  \n"), HasSubstr("is empty"));
  EXPECT_THAT(bad_file(std::string(kTwo) + "{\"relation\": \"r\", \"object\": \"o\"}\n"),
              HasSubstr("facts.jsonl:3: field subject is missing, expected a JSON object"));
  EXPECT_THAT(bad_file("{\"subject\": \"a\", \"object\": \"o\"}"),
              HasSubstr("facts.jsonl:1: field relation is missing"));
  EXPECT_THAT(bad_file("{\"subject\": 3, \"relation\": \"r\", \"object\": \"o\"}"),
              HasSubstr(":1: field subject is not a text"));
  EXPECT_THAT(bad_file(line("Og", " ")), HasSubstr(":1: field object is empty; give a text"));
  EXPECT_THAT(bad_file(line("Og", "\\u0000")),
              HasSubstr("field object contains the character NUL"));
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"template\": \"{}\"")),
              HasSubstr(":1: unknown field template, expected"));
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"neutral\": []")),
              HasSubstr(":1: field neutral is an empty list; give a text, or leave it out"));
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"neutral\": [1]")),
              HasSubstr(":1: field neutral is not a text"));
  EXPECT_THAT(bad_file("[1]"), HasSubstr(":1: expected a JSON object"));
  // In plain sentences, not in the words of a parser.
  EXPECT_THAT(bad_file("{\"subject\""),
              AllOf(HasSubstr(":1: the line is not JSON, expected a "),
                    HasSubstr(": it ends too early; complete it"), Not(HasSubstr("syntax error"))));
  EXPECT_THAT(bad_file("{\"subject\": NaN}"),
              HasSubstr("NaN at byte 13, which JSON does not have; write a finite number"));
  EXPECT_THAT(bad_file("{\"subject\": 1e999}"),
              HasSubstr(":1: the line has a number that is too large; write a smaller one"));
  EXPECT_THAT(bad_file(line("Og\xff", "Bashan")), HasSubstr("a byte that is not UTF-8 at byte"));
  EXPECT_THAT(
      bad_file("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
      HasSubstr("facts.jsonl' is a Git LFS pointer, not the file itself; run `git lfs pull`"));
  EXPECT_THAT(message_of<InputError>([&] {
                bench_.run({{"facts", folder_ / "none.jsonl"}});
              }),
              HasSubstr("none.jsonl' cannot be read"));
}

TEST_F(FactRequests, RefuseFactsThatCannotBeAsked) {
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"templates\": [\"the king of\"]") + kTwo),
              HasSubstr(":1: field templates: 'the king of' has no {}; put {}"));
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"templates\": [\"{} {} of\"]") + kTwo),
              HasSubstr("has {} more than once"));
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"templates\": [\"{} of\", \"{} of\"]") + kTwo),
              HasSubstr("is given twice; give each template once"));
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"candidates\": [\"Egypt\", \"Edom\"]") + kTwo),
              HasSubstr(":1: field candidates lacks the object 'Bashan'; add it"));
  // Candidates that a line takes over must have its object too.
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"candidates\": [\"Bashan\", \"Edom\"]") + kTwo),
              AllOf(HasSubstr(":2: field candidates of "), HasSubstr("lacks the object 'Egypt'")));
  EXPECT_THAT(bad_file(std::string(kTwo) + line(" Pharaoh", "Egypt ")),
              AllOf(HasSubstr(":3: the fact (Pharaoh, king of, Egypt) is already given"),
                    HasSubstr("facts.jsonl:1); give each fact once")));
  // A blank at the end of a template becomes part of another token.
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"templates\": \"And {} king of \"") + kTwo),
              AllOf(HasSubstr(":1: 'Bashan' changes the tokens of the prompt"),
                    HasSubstr("end the template at the end of a word, without white space")));
  std::string longest;
  for (int i = 0; i < 300; ++i) longest += " the king";
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"templates\": \"{}" + longest + "\"") + kTwo),
              HasSubstr("positions; give a shorter template"));
}

// The rule: another subject of the relation that does not have the object, or the field neutral.
TEST_F(FactRequests, RefuseAFactWithoutANeutralSubject) {
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"candidates\": [\"Bashan\", \"Edom\"]")),
              HasSubstr(":1: the fact (Og, king of, Bashan) has 0 neutral subjects, with which its "
                        "prior is measured; add neutral"));
  // Another subject with the same object is not neutral, nor is the subject itself.
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"candidates\": [\"Bashan\", \"Edom\"]") +
                       line("Sihon", "Bashan")),
              HasSubstr("has 0 neutral subjects"));
  EXPECT_THAT(bad_file(line("Og", "Bashan",
                            ", \"candidates\": [\"Bashan\", \"Edom\"], \"neutral\": \"Og\"")),
              HasSubstr("has 0 neutral subjects"));
  EXPECT_THAT(bad_file(line("Og", "Bashan", ", \"neutral\": \"He\"")),
              HasSubstr("lacks another candidate to compare its object with; add candidates"));
  const Dataset one = bench_.run(
      file(line("Og", "Bashan", ", \"candidates\": [\"Bashan\", \"Edom\"], \"neutral\": \"He\"")));
  EXPECT_TRUE(receipt_of(one, "every_fact_has_a_neutral_subject").passed);
}

// Two texts that are the same tokens are not two subjects: the receipt says so.
TEST_F(FactRequests, FailTheReceiptWhereANeutralPromptIsTheFactsOwn) {
  const FactsPlan plan = make_plan(*model(),
                                   named({{.subject = "Og",
                                           .relation = "r",
                                           .object = "Bashan",
                                           .templates = {"And {} king of"},
                                           .candidates = {"Bashan", "Edom"},
                                           .neutral = {"he"}}}),
                                   {});
  EXPECT_EQ(facts_without_neutral(plan), 0);
  FactsPlan same = plan;
  const PlannedTemplate& only = same.facts[0].templates[0];
  same.prompts[only.neutral[0].prompt].tokens = same.prompts[only.object.prompt].tokens;
  EXPECT_EQ(facts_without_neutral(same), 1);
}

TEST_F(FactRequests, RefuseSettingsThatExcludeEachOther) {
  EXPECT_THAT(bad_settings({}), HasSubstr("a fact is missing; give either facts"));
  EXPECT_THAT(bad_settings(changed(file(kTwo), {{"subject", "Og"}})),
              HasSubstr("a file and a fact are both given"));
  EXPECT_THAT(bad_settings({{"subject", "Og"}}), HasSubstr("object is missing; give both"));
  EXPECT_THAT(bad_settings({{"object", "Og"}}), HasSubstr("subject is missing; give both"));
  EXPECT_THAT(bad_settings(changed(file(kTwo), {{"neutral", "he"}})),
              HasSubstr("neutral is set, but only subject uses it"));
  EXPECT_THAT(bad_settings({{"subject", "Og"}, {"object", "Bashan"}}),
              HasSubstr("lacks another candidate"));
  EXPECT_THAT(bad_settings({{"subject", "Og"},
                            {"object", "Bashan"},
                            {"candidates", "Bashan,Edom"},
                            {"neutral", "he"},
                            {"template", "the king of"}}),
              HasSubstr("facts: template 'the king of' has no {}; put {}"));
  EXPECT_THAT(bad_settings(changed(file(kTwo), {{"agreement", "0"}})), HasSubstr("agreement"));
  EXPECT_THAT(bad_settings(changed(file(kTwo), {{"relation_map", "true"}, {"map_layer", "6"}})),
              HasSubstr("map_layer is 6, but a map starts before the last block; give 0"));
  EXPECT_THAT(
      bad_settings(changed(file(kTwo), {{"relation_map", "true"}, {"map_most_width", "8"}})),
      AllOf(HasSubstr("more than map_most_width (8); set map_most_width="),
            HasSubstr("or leave out relation_map")));
  const std::string one =
      line("Og", "Bashan", ", \"candidates\": [\"Bashan\", \"Edom\"], \"neutral\": \"He\"");
  EXPECT_THAT(bad_settings(changed(file(one), {{"relation_map", "true"}})),
              HasSubstr("relation_map needs a relation of at least two subjects"));
}

TEST_F(FactRequests, TakeOneFactFromTheCommandLine) {
  const Settings short_form = {{"subject", "Pharaoh"},
                               {"object", "Egypt"},
                               {"template", "And {} king of"},
                               {"candidates", "Egypt,Babylon"},
                               {"neutral", "Nebuchadnezzar"}};
  const Dataset given = bench_.run(short_form), of_file = bench_.run(file(kTwo));
  for (const char* name : {"log_probability", "prior", "margin"})
    EXPECT_EQ(value_at(given, name, {0}), value_at(of_file, name, {0})) << name;
  EXPECT_EQ(given["relation"].strings[0], "And {} king of");
  testing::expect_recorded(FactsTool::kParameters, given);
  EXPECT_FALSE(given.attributes.contains("facts_sha256"));
}

// ` Egypt` and `Egypt` are other tokens, of which only the first is how the prompt goes on.
TEST_F(FactRequests, JoinPromptAndObjectByABlankUnlessTold) {
  const Settings base = {
      {"subject", "Pharaoh"},          {"object", "Egypt"}, {"template", "And {} king of"},
      {"candidates", "Egypt,Babylon"}, {"neutral", "he"},   {"trace", "false"}};
  const Dataset blank = bench_.run(base);
  const Dataset as_given = bench_.run(changed(base, {{"object", " Egypt"}}));
  const Dataset joined = bench_.run(changed(base, {{"join", "none"}, {"object", " Egypt"}}));
  const Dataset bare = bench_.run(changed(base, {{"join", "none"}}));
  EXPECT_EQ(value_at(blank, "rank", {0}), 1);
  EXPECT_EQ(value_at(blank, "log_probability", {0}), value_at(as_given, "log_probability", {0}));
  EXPECT_EQ(value_at(blank, "log_probability", {0}), value_at(joined, "log_probability", {0}));
  EXPECT_GT(value_at(bare, "rank", {0}), 10);
}

// Sums of more tokens are smaller, whatever the model knows: the flag says where that may decide.
TEST_F(FactRequests, FlagCandidatesOfUnlikeLength) {
  const Dataset equal = bench_.run(file(kTwo));
  EXPECT_THAT(values_of(equal, "length_mismatch"), ElementsAre(0, 0));
  const Dataset unlike = bench_.run(file(kTwo + line("Sihon", "the Amorites")));
  EXPECT_THAT(values_of(unlike, "length_mismatch"), ElementsAre(1, 1, 1));
  EXPECT_EQ(value_at(unlike, "object_tokens", {0}), 1);
  EXPECT_GT(value_at(unlike, "object_tokens", {2}), 2);
}

// Frequent objects are likely after any subject: the lift, not the probability, is about this one.
TEST_F(FactRequests, DoNotAssertWhatIsAsLikelyAfterOtherSubjects) {
  const Settings base = {
      {"subject", "Hiram"},          {"object", "Israel"}, {"template", "And {} king of"},
      {"candidates", "Israel,Tyre"}, {"neutral", "Ahab"},  {"trace", "false"}};
  const Dataset result = bench_.run(base);
  EXPECT_GT(value_at(result, "margin", {0}), 1.0);
  EXPECT_LT(value_at(result, "lift", {0}), 0.0);
  EXPECT_EQ(value_at(result, "asserted", {0}), 0);
  EXPECT_EQ(value_at(bench_.run(changed(base, {{"min_lift", "-5"}})), "asserted", {0}), 1);
}

// A second true object of the subject is not a wrong answer.
TEST_F(FactRequests, DoNotCountOtherObjectsOfTheSubjectAsRivals) {
  const std::string also = kTwo + line("Pharaoh", "the land");
  const Dataset result = bench_.run(file(also));
  std::vector<std::string> of_first;
  for (std::size_t i = 0; i < result["candidate"].strings.size(); ++i)
    if (result["candidate_fact"].tensor[static_cast<std::int64_t>(i)].item<int>() == 0)
      of_first.push_back(result["candidate"].strings[i]);
  EXPECT_THAT(of_first, ElementsAre("Egypt", "Babylon"));
}

// A reversed fact is another fact; only the field inverse joins the two.
TEST_F(FactRequests, CompareAFactWithItsInverseOnlyWhereOneIsNamed) {
  const auto with = [&](const std::string& inverse) {
    return "{\"subject\": \"Abraham\", \"relation\": \"begat\", \"object\": \"Isaac\", "
           "\"templates\": \"And {} begat\"" +
           inverse +
           "}\n"
           "{\"subject\": \"Isaac\", \"relation\": \"begat\", \"object\": \"Jacob\"}\n"
           "{\"subject\": \"Isaac\", \"relation\": \"son of\", \"object\": \"Abraham\", "
           "\"templates\": \"And {} the son of\"}\n"
           "{\"subject\": \"Solomon\", \"relation\": \"son of\", \"object\": \"David\"}\n";
  };
  const Dataset apart = bench_.run(file(with("")));
  EXPECT_TRUE(apart["consistency"].tensor.isnan().all().item<bool>());
  const Dataset result = bench_.run(file(with(", \"inverse\": \"son of\"")));
  const bool agree = value_at(result, "asserted", {0}) == value_at(result, "asserted", {2});
  for (const std::int64_t relation : {0, 1})  // one pair, seen from both sides
    EXPECT_EQ(value_at(result, "consistency", {relation}), agree ? 1.0 : 0.0);
}

TEST_F(FactRequests, AskEveryTemplateAndCountThoseThatAssert) {
  const std::string two =
      line("Pharaoh", "Egypt", ", \"templates\": [\"And {} king of\", \"{} and the land of\"]") +
      line("Nebuchadnezzar", "Babylon");
  const auto asserted = [&](const char* agreement) {
    return bench_.run(changed(file(two), {{"agreement", agreement}}));
  };
  const Dataset half = asserted("0.5");
  EXPECT_EQ(half["prompt_text"].strings[1], "Pharaoh and the land of");
  for (const std::int64_t fact : {0, 1}) {
    double share = 0, log_probability = 0;
    for (std::int64_t t = 2 * fact; t < 2 * fact + 2; ++t) {
      const double own = value_at(half, "prompt_log_probability", {t});
      log_probability += own / 2;
      if (value_at(half, "prompt_margin", {t}) > 0 && own > value_at(half, "prompt_prior", {t}))
        share += 0.5;
    }
    EXPECT_EQ(value_at(half, "template_agreement", {fact}), share);
    EXPECT_NEAR(value_at(half, "log_probability", {fact}), log_probability, 1e-12);
    EXPECT_EQ(value_at(half, "asserted", {fact}), share >= 0.5 ? 1 : 0);
    EXPECT_EQ(value_at(asserted("1"), "asserted", {fact}), share >= 1 ? 1 : 0);
  }
}

TEST_F(FactRequests, RecordTheirOptionsAndTheSchemaHolds) {
  for (const Settings& more : {Settings{{"trace", "true"}, {"samples", "2"}},
                               {{"trace", "true"}, {"corruption", "noise"}, {"samples", "2"}},
                               {{"relation_map", "true"}, {"map_layer", "3"}},
                               {{"most_rows", "1"}}}) {
    const Dataset result = bench_.run(changed(file(kTwo), more));
    testing::expect_recorded(FactsTool::kParameters, result);
    for (const char* name :
         {"definition", "base_run", "source_run", "sign", "rule", "samples", "seed_stream"})
      EXPECT_TRUE(result.attributes.contains(name)) << name;
    EXPECT_TRUE(result.attributes.contains("facts_sha256"));
    EXPECT_EQ(schema_problem({std::begin(kFactsTable), std::end(kFactsTable)}, result), "");
    expect_receipts_hold(result, 3);
  }
}

TEST_F(FactRequests, CountTheWorkThatTheyAnnounce) {
  const Settings settings =
      changed(file(kTwo), {{"trace", "true"}, {"samples", "2"}, {"relation_map", "true"}});
  const CostEstimate cost =
      bench_.tool.estimate(Request(Tokens{}, bench_.tool.parameters(settings)));
  // Two prompts, two traces, one training subject.
  EXPECT_EQ(cost.items.value(), 5);
  const auto flops_of = [&](const Settings& with) {
    return *bench_.tool.estimate(Request(Tokens{}, bench_.tool.parameters(with))).flops;
  };
  // The map is d_model backward rows through the blocks after its layer, of 5 tokens or more.
  const double without = flops_of(changed(settings, {{"relation_map", "false"}}));
  const auto& spec = model()->spec();
  const double weights = 12.0 * static_cast<double>(spec.d_model * spec.d_model);  // in a block
  const double rows = static_cast<double>(spec.d_model) * static_cast<double>(spec.n_layers - 1);
  const double tokens = (flops_of(settings) - without) / (2 * weights * rows);
  EXPECT_GT(tokens, 3.0);
  EXPECT_LT(tokens, 12.0);
  EXPECT_GT(*cost.bytes, 0);
}

TEST_F(FactRequests, AnswerTheSameWhateverWasAskedBefore) {
  const Dataset before = bench_.run(file(kTwo));
  bench_.run(changed(file(kTwo), {{"min_lift", "3"}}));
  testing::expect_equal(before, bench_.run(file(kTwo)));
  FactsBench fresh(model());
  testing::expect_equal(before, fresh.run(file(kTwo)));
}

TEST_F(FactRequests, ReadFactsForTypedCalls) {
  const std::vector<Fact> facts =
      bench_.tool.read(folder_.write("facts.jsonl", std::string(kTwo) + line("Og", "Bashan")));
  ASSERT_EQ(facts.size(), 3u);
  EXPECT_EQ(facts[2].object, "Bashan");
  EXPECT_THAT(facts[0].templates, ElementsAre("And {} king of"));
  const Dataset typed = bench_.tool.ask(facts, {.trace = false});
  EXPECT_EQ(value_at(typed, "margin", {0}),
            value_at(bench_.run(file(kTwo + line("Og", "Bashan"))), "margin", {0}));
  EXPECT_THAT(message_of<UsageError>([&] { bench_.tool.ask({}, {}); }),
              HasSubstr("give at least one"));
  EXPECT_THAT(message_of<UsageError>(
                  [&] { bench_.tool.ask({{.subject = "", .relation = "r", .object = "o"}}, {}); }),
              HasSubstr("facts: fact 1: field subject is empty"));
}

TEST_F(FactRequests, AnswerTheShippedExample) {
  const Dataset result = bench_.run(
      {{"facts", testing::source_folder() + "/examples/prompts/facts.jsonl"}, {"samples", "2"}});
  const at::Tensor asserted = result["asserted"].tensor.to(at::kDouble);
  // Some of them, and not all.
  EXPECT_GT(asserted.mean().item<double>(), 0.2);
  EXPECT_LT(asserted.mean().item<double>(), 0.8);
  expect_receipts_hold(result, 7);
}

}  // namespace
}  // namespace lensbench::facts
