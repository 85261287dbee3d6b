#include "cli/commands/entry_help.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/parameters.hpp>

// How help shows the default of a parameter: `none` only where it can be typed.

namespace lensbench::cli {
namespace {

using ::testing::StartsWith;

ParameterInfo parameter(ParameterType type, const char* default_value,
                        const char* allowed = nullptr) {
  return ParameterInfo({"subject", type, default_value, "", "For this test.", allowed});
}

/// Whether the word sets the parameter to what it is by default.
bool means_the_default(const ParameterInfo& info, const std::string& word) {
  const Settings given{{info.name, word}};
  return Parameters::resolve({info}, given, "test").values() ==
         Parameters::resolve({info}, {}, "test").values();
}

TEST(ParameterText, SaysThatATextIsNotSetSinceNoneWouldBeThatWord) {
  const ParameterInfo text = parameter(ParameterType::text, "");
  EXPECT_THAT(parameter_text(text), StartsWith("subject = (not set) ("));
  EXPECT_FALSE(means_the_default(text, "none"));
}

TEST(ParameterText, SaysNoneWhereTheWordCanBeTyped) {
  for (const ParameterType type :
       {ParameterType::integer, ParameterType::number, ParameterType::boolean, ParameterType::token,
        ParameterType::model, ParameterType::file, ParameterType::integers, ParameterType::numbers,
        ParameterType::texts, ParameterType::tokens, ParameterType::models, ParameterType::hooks}) {
    const ParameterInfo info = parameter(type, "");
    EXPECT_THAT(parameter_text(info), StartsWith("subject = none (")) << describe(type);
    EXPECT_TRUE(means_the_default(info, "none")) << describe(type);
  }
}

TEST(ParameterText, ShowsADefaultAndWhatMustBeSet) {
  EXPECT_THAT(parameter_text(parameter(ParameterType::choice, "a", "a|b")),
              StartsWith("subject = a ("));
  EXPECT_THAT(parameter_text(parameter(ParameterType::text, nullptr)),
              StartsWith("subject = (must be set) ("));
}

}  // namespace
}  // namespace lensbench::cli
