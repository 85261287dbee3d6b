// A planted model in which the mean over a prompt hardly ablates a head: the head that tells the
// name mover what not to copy writes the same at most positions of one prompt, but not of others.
// Expected values are those of its truth, patched in float64 from the stored weights by other code.
#include "attribution_fixture.hpp"
#include "grading/plant/plant.hpp"
#include "support/contexts.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::attribution {
namespace {

// The tolerance is that of the tests of planted models: float32 scores of 24 where three keys are
// attended equally.
constexpr double kPlantedFloat32 = 3e-3;

class PlantedNameMover : public ::testing::Test {
 protected:
  static grading::Truth planted(const testing::TempDir& folder) {
    grading::PlantRequest request;
    request.kind = "name_mover";
    request.prompts = 6;
    request.edges = false;
    return grading::plant(request, folder.path());
  }
  /// Index of the component of a role.
  std::size_t component_of(const std::string& role) const {
    for (const grading::Role& one : truth_.components)
      if (one.role == role)
        for (std::size_t i = 0; i < task_.effects->components.size(); ++i)
          if (task_.effects->components[i] == one.name) return i;
    throw std::runtime_error("no component " + role);
  }

  testing::TempDir folder_;
  grading::Truth truth_ = planted(folder_);
  const grading::Task& task_ = truth_.tasks.front();
  AttributedModel bench_{folder_.path().string()};
};

TEST_F(PlantedNameMover, LosesLittleToTheMeanOfAPromptAndMuchToThatOfAllPrompts) {
  const std::size_t component = component_of("s_inhibition");
  const std::string& name = task_.effects->components[component];  // L1H1
  const std::int64_t layer = name[1] - '0', head = name[3] - '0';
  std::vector<Tokens> prompts;
  for (const grading::PromptPair& pair : task_.prompts) prompts.push_back(bench_.tokens(pair.ids));
  ContextAccess::set_reference_prompts(bench_.context(), [&] { return prompts; });
  double of_prompt = 0, of_all = 0;
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    LayerAttributionOptions options;
    options.ablation = {"mean", "mean_of_prompt"};
    options.versus = Target::token(task_.prompts[p].foil);
    const Dataset result =
        bench_.tool().to_logit(prompts[p], Target::token(task_.prompts[p].answer), options);
    const auto lost = [&](std::int64_t ablation) {
      return -value(result, "head_ablation_effect",
                    {ablation, layer, head, task_.prompts[p].position});
    };
    EXPECT_NEAR(lost(0), task_.effects->values.at("mean")[component][p], kPlantedFloat32);
    EXPECT_NEAR(lost(1), task_.effects->values.at("mean_of_prompt")[component][p], kPlantedFloat32);
    of_all += lost(0);
    of_prompt += lost(1);
  }
  const double gap = grading::gap_of(task_) * static_cast<double>(prompts.size());
  EXPECT_GT(of_all / gap, 0.5);
  EXPECT_LT(of_prompt / gap, 0.15);
  EXPECT_GT(of_prompt / gap, 0.0);
}

}  // namespace
}  // namespace lensbench::attribution
