// A parameter that the other parameters leave without a use is refused: it would say that another
// computation ran than did.
#include <gmock/gmock.h>

#include <lensbench/error.hpp>

#include "activation_patching/causal_tracing.hpp"
#include "patching_fixture.hpp"
#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <class Tool>
class CheckedParameters {
 public:
  CheckedParameters()
      : bench_(random_model(small_gpt2_spec(), 6), std::vector<std::int64_t>{3, 17, 5}) {
    bench_.tool.attach(bench_.context, testing::declared(Tool::kParameters), "tool");
  }
  void check(const Settings& settings) const {
    bench_.tool.check_parameters(bench_.tool.parameters(settings));
  }
  std::string fault(Settings settings, const std::string& name, const std::string& value) const {
    settings[name] = value;
    return testing::message_of<UsageError>([&] { check(settings); });
  }

 private:
  testing::ToolBench<Tool> bench_;
};

TEST(UnusedParameters, OfAnAblationAreThoseOfAPair) {
  const CheckedParameters<patching::ActivationPatchingTool> tool;
  for (const char* source : {"zero", "mean", "mean_of_prompt", "resample"})
    for (const auto& [name, value] : Settings{{"corrupted", "And"},
                                              {"corrupted_ids", "1 2 3"},
                                              {"direction", "noise"},
                                              {"min_gap", "0.2"}})
      EXPECT_THAT(tool.fault({{"source", source}}, name, value),
                  AllOf(HasSubstr("activation_patching: " + name + " is set"),
                        HasSubstr("only source=pair uses it"), HasSubstr("leave out " + name)));
  // A default that is given by hand asks for nothing else.
  EXPECT_NO_THROW(tool.check({{"source", "zero"}, {"direction", "denoise"}, {"min_gap", "0.10"}}));
  EXPECT_NO_THROW(tool.check({{"corrupted", "And"}, {"direction", "noise"}, {"min_gap", "0.2"}}));
}

TEST(UnusedParameters, OfNoiseAreThoseOfAReplacement) {
  const CheckedParameters<tracing::CausalTracingTool> tool;
  for (const auto& [name, value] :
       Settings{{"replacement", "Moses"}, {"corrupted", "And"}, {"corrupted_ids", "1 2 3"}})
    EXPECT_THAT(tool.fault({}, name, value), AllOf(HasSubstr("causal_tracing: " + name + " is set"),
                                                   HasSubstr("only corruption=replace uses it")));
  EXPECT_NO_THROW(tool.check({{"corruption", "replace"}, {"corrupted", "And"}}));
}

TEST(UnusedParameters, OfAReplacementAreThoseOfNoise) {
  const CheckedParameters<tracing::CausalTracingTool> tool;
  for (const auto& [name, value] : Settings{
           {"noise", "2"}, {"noise_from", "prompt"}, {"samples", "3"}, {"subject_tokens", "1"}})
    EXPECT_THAT(tool.fault({{"corruption", "replace"}}, name, value),
                AllOf(HasSubstr("causal_tracing: " + name + " is set"),
                      HasSubstr("only corruption=noise uses it")));
  EXPECT_NO_THROW(tool.check({{"noise", "2"}, {"samples", "3"}, {"subject_tokens", "1"}}));
  EXPECT_NO_THROW(tool.check({{"corruption", "replace"}, {"noise", "3"}, {"samples", "10"}}));
}

}  // namespace
}  // namespace lensbench
