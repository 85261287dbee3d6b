#include "families.hpp"
#include "interchange/interchange.hpp"

namespace lensbench::families {
namespace {

class InterchangeFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(InterchangeFamilies, ExchangeStreamsOrSayWhyTheyCannot) {
  const auto found = answer_or_refusal<interchange::InterchangeTool>(
      GetParam(), [&](interchange::InterchangeTool& tool, const Tokens& tokens) {
        std::vector<InterchangePair> pairs;
        for (std::size_t i = 2; i < 8; ++i) {
          // Prefixes of the prompt, and the same with another last token.
          Tokens base = tokens, source = tokens;
          for (Tokens* prompt : {&base, &source}) {
            prompt->ids.resize(i);
            prompt->texts.resize(i);
          }
          source.ids.back() = source.ids.back() == 2 ? 1 : 2;
          pairs.push_back({.base = base,
                           .source = source,
                           .expected = static_cast<std::int64_t>(i % 2),
                           .in_test = i >= 5});
        }
        return tool.exchange(pairs, {.basis = {"mean_difference", "das"}, .steps = 2});
      });
  const auto model = Model::open(testing::data_folder() + "/models/" + GetParam());
  EXPECT_EQ(found.has_value(), model->spec().attention.causal);
}

INSTANTIATE_TEST_SUITE_P(Samples, InterchangeFamilies,
                         ::testing::ValuesIn(testing::sample_models()), test_name);

}  // namespace
}  // namespace lensbench::families
