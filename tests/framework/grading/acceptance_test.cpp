// Figures that correct tools reach, or must not reach, on planted models that were made in another
// program, computed there in float64 with tools of its own. Means over the tasks of a model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <ostream>
#include <string>

#include "grading/run/grade.hpp"
#include "support/folders.hpp"

namespace lensbench::grading {
namespace {

namespace fs = std::filesystem;

fs::path independent_models() {
  return fs::path(testing::source_folder()) / ".." / "shared" / "golden" / "planted";
}

/// Effects of the components of one model, by the tools that claim them.
const Grades& grades_of(const std::string& model) {
  static std::map<std::string, Grades> all;
  const auto known = all.find(model);
  if (known != all.end()) return known->second;
  GradeRequest request;
  request.tools = {"layer_attribution", "activation_patching", "edge_attribution"};
  request.models = {independent_models() / model};
  request.plugins.dirs = {testing::build_folder() + "/lib/lensbench/plugins"};
  request.claims = "effect.*";
  request.controls = {false, false, false, false, false};
  request.counts = {0, 0, 0};
  return all.emplace(model, grade(request, {})).first->second;
}

/// A metric of the entry of a claim; `method` is in its settings.
double score(const std::string& model, const std::string& claim, const std::string& metric,
             const std::string& method = "") {
  for (const Entry& entry : grades_of(model).entries)
    if (entry.claim == claim && entry.kind == TableKind::effects &&
        entry.settings.find(method) != std::string::npos)
      if (const Estimate* found = find_estimate(entry, metric)) return found->value;
  ADD_FAILURE() << model << " has no score " << metric << " of " << claim << " " << method;
  return 0;
}

struct Figure {
  const char* model;
  double value;
};
void PrintTo(const Figure& figure, std::ostream* out) {
  *out << figure.model;
}

class Acceptance : public ::testing::TestWithParam<Figure> {
 protected:
  void SetUp() override {
    if (!fs::exists(independent_models())) GTEST_SKIP() << independent_models() << " is not there";
  }
};
std::string model_of(const ::testing::TestParamInfo<Figure>& info) {
  return info.param.model;
}

// Figures have two digits, and ties in float32 may move an AUROC by 0.02.
constexpr double kTolerance = 0.025;

class ExactPatching : public Acceptance {};
TEST_P(ExactPatching, FindsEveryMember) {
  EXPECT_NEAR(score(GetParam().model, "effect.noise", "auroc"), GetParam().value, kTolerance);
  EXPECT_LE(score(GetParam().model, "effect.noise", "error"), 0.01);
  EXPECT_LE(score(GetParam().model, "effect.denoise", "error"), 0.01);
}
INSTANTIATE_TEST_SUITE_P(Models, ExactPatching,
                         ::testing::Values(Figure{"induction_rotated", 1.0}, Figure{"fact", 1.0},
                                           Figure{"name_mover", 1.0}, Figure{"dyck", 1.0},
                                           Figure{"hist", 1.0}, Figure{"sort", 1.0},
                                           Figure{"siit", 1.0}),
                         model_of);

// A head that is necessary and not sufficient gains nothing where it is put back.
class Denoising : public Acceptance {};
TEST_P(Denoising, MissesWhatIsNotSufficient) {
  EXPECT_NEAR(score(GetParam().model, "effect.denoise", "auroc"), GetParam().value, kTolerance);
}
INSTANTIATE_TEST_SUITE_P(Models, Denoising,
                         ::testing::Values(Figure{"name_mover", (1.00 + 0.92) / 2}), model_of);

// It is exact about what it claims, and knows nothing of work through others.
class DirectAttribution : public Acceptance {};
TEST_P(DirectAttribution, IsExactAndMissesIndirectWork) {
  EXPECT_LE(score(GetParam().model, "effect.dla", "error"), 0.01);
  EXPECT_NEAR(score(GetParam().model, "effect.dla", "auroc"), GetParam().value, kTolerance);
}
INSTANTIATE_TEST_SUITE_P(Models, DirectAttribution,
                         ::testing::Values(Figure{"fact", (0.57 + 0.60) / 2},
                                           Figure{"name_mover", (0.69 + 0.50) / 2},
                                           Figure{"dyck", 0.50}, Figure{"hist", 0.50},
                                           Figure{"sort", 0.50}, Figure{"siit", 0.88}),
                         model_of);

// It answers another question than exchanged content does.
class ZeroAblation : public Acceptance {};
TEST_P(ZeroAblation, IsExactAndDiffersFromNoising) {
  EXPECT_LE(score(GetParam().model, "effect.zero", "error"), 0.01);
  EXPECT_NEAR(score(GetParam().model, "effect.zero", "r_total"), GetParam().value, kTolerance);
}
INSTANTIATE_TEST_SUITE_P(Models, ZeroAblation,
                         ::testing::Values(Figure{"fact", (0.85 + 0.99) / 2},
                                           Figure{"name_mover", (0.36 + 0.78) / 2}),
                         model_of);

// Gradients vanish where attention is sure.
class AttributionPatching : public Acceptance {};
TEST_P(AttributionPatching, MissesWhatASureHeadReads) {
  EXPECT_NEAR(score(GetParam().model, "effect.total", "auroc", "method=eap"), GetParam().value,
              kTolerance);
}
INSTANTIATE_TEST_SUITE_P(Models, AttributionPatching,
                         ::testing::Values(Figure{"fact", (0.86 + 0.87) / 2},
                                           Figure{"name_mover", (0.98 + 0.77) / 2},
                                           Figure{"induction_rotated", (0.83 + 1.00) / 2}),
                         model_of);

class IntegratedGradients : public Acceptance {};
TEST_P(IntegratedGradients, OverInputsMissASharpSwitch) {
  EXPECT_NEAR(score(GetParam().model, "effect.total", "auroc", "method=ig_inputs"),
              GetParam().value, kTolerance);
}
INSTANTIATE_TEST_SUITE_P(Models, IntegratedGradients,
                         ::testing::Values(Figure{"fact", (1.00 + 0.92) / 2}, Figure{"hist", 0.75},
                                           Figure{"name_mover", 1.0}, Figure{"dyck", 1.0},
                                           Figure{"sort", 1.0}, Figure{"induction_rotated", 1.0}),
                         model_of);

}  // namespace
}  // namespace lensbench::grading
