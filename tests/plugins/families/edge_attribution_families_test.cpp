#include "edge_attribution/edge_attribution.hpp"
#include "families.hpp"

namespace lensbench::families {
namespace {

class EdgeAttributionFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(EdgeAttributionFamilies, ScoreEdgesAndRunCircuitsWhereTheStreamIsASum) {
  const auto model = Model::open(testing::data_folder() + "/models/" + GetParam());
  // The gradient of the clean run: the receipt of the integral needs many points on random weights.
  const EdgeAttributionOptions options{
      .method = "eap", .proportions = {0.1, 1.0}, .random_draws = 1};
  const auto found = answer_or_refusal<edges::EdgeAttributionTool>(
      GetParam(), [&](edges::EdgeAttributionTool& tool, const Tokens& tokens) {
        std::vector<std::int64_t> ids = tokens.ids;
        for (const std::size_t at : {1, 4}) ids[at] = (ids[at] + 7) % model->spec().vocab_size;
        return tool.attribute_edges(tokens, tokens_from_ids(*model, ids), Target::model(), options);
      });
  EXPECT_EQ(found.has_value(),
            model->spec().norm_placement != NormPlacement::after_add && !model->spec().latent);
}

INSTANTIATE_TEST_SUITE_P(Samples, EdgeAttributionFamilies,
                         ::testing::ValuesIn(testing::sample_models()), test_name);

}  // namespace
}  // namespace lensbench::families
