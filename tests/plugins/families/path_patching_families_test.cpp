#include "families.hpp"
#include "path_patching/path_patching.hpp"

namespace lensbench::families {
namespace {

class PathPatchingFamilies : public ::testing::TestWithParam<std::string> {
 protected:
  static Tokens changed(const Model& model, const Tokens& tokens) {
    std::vector<std::int64_t> ids = tokens.ids;
    for (const std::size_t at : {1, 4}) ids[at] = (ids[at] + 7) % model.spec().vocab_size;
    return tokens_from_ids(model, ids);
  }
  static std::optional<Dataset> patch(const PathPatchingOptions& options) {
    const auto model = Model::open(testing::data_folder() + "/models/" + GetParam());
    return answer_or_refusal<paths::PathPatchingTool>(
        GetParam(), [&](paths::PathPatchingTool& tool, const Tokens& tokens) {
          return tool.patch_paths(tokens, changed(*model, tokens), Target::model(), options);
        });
  }
  static TransformerSpec spec() {
    return Model::open(testing::data_folder() + "/models/" + GetParam())->spec();
  }
};

TEST_P(PathPatchingFamilies, AnswerBySingleHeadsWhereTheStreamIsTheirSum) {
  const auto found = patch({.senders = {"embed", "heads", "mlps"}, .receivers = {"all"}});
  EXPECT_EQ(found.has_value(), spec().norm_placement == NormPlacement::before && !spec().latent);
}

TEST_P(PathPatchingFamilies, AnswerByWholeAttentionWithBothKindsOfMlps) {
  for (const bool recomputed : {false, true}) {
    const auto found = patch({.senders = {"embed", "attentions", "mlps"},
                              .receivers = {"all"},
                              .recompute_mlps = recomputed});
    EXPECT_EQ(found.has_value(),
              spec().norm_placement != NormPlacement::after_add && !spec().latent);
  }
}

INSTANTIATE_TEST_SUITE_P(Samples, PathPatchingFamilies,
                         ::testing::ValuesIn(testing::sample_models()), test_name);

}  // namespace
}  // namespace lensbench::families
