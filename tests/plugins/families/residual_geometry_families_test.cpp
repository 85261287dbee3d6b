#include "families.hpp"
#include "residual_geometry/residual_geometry.hpp"

namespace lensbench::families {
namespace {

using geometry::ResidualGeometryTool;

class ResidualGeometryFamilies : public ::testing::TestWithParam<std::string> {
 protected:
  static std::optional<Dataset> run(const ResidualGeometryOptions& options) {
    return answer_or_refusal<ResidualGeometryTool>(
        GetParam(), [&](ResidualGeometryTool& tool, const Tokens& tokens) {
          return tool.measure(tokens, options);
        });
  }
};

TEST_P(ResidualGeometryFamilies, TheStreamIsTheSumOfItsComponents) {
  // These normalise the stream after each addition.
  const bool is_sum = GetParam().find("bert") == std::string::npos && GetParam() != "opt-350m";
  EXPECT_EQ(run({}).has_value(), is_sum);
}

TEST_P(ResidualGeometryFamilies, TheSpreadIsThatOfEveryPoint) {
  const auto found = run({.points = {"resid_post", "attn_out", "mlp_out"},
                          .components = false,
                          .matrices = {"embed", "unembed"}});
  EXPECT_TRUE(found.has_value());
}

TEST_P(ResidualGeometryFamilies, NeuronsHaveAMatrixOrAreExperts) {
  EXPECT_EQ(run({.components = false, .matrices = {"neurons"}}).has_value(),
            !is_mixture(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Samples, ResidualGeometryFamilies,
                         ::testing::ValuesIn(testing::sample_models()), test_name);

}  // namespace
}  // namespace lensbench::families
