#include <gmock/gmock.h>

#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "surgery_fixture.hpp"

namespace lensbench::surgery {
namespace {

// Each is an argument of another operation than delete, or of a text.
TEST(UnusedArguments, AreRefusedByName) {
  Bench bench(random_model(small_gpt2_spec(), 1), {1, 2, 3});
  for (const auto& [name, value] : Settings{{"share", "0.25"},
                                            {"parts", "heads"},
                                            {"by", "random"},
                                            {"fractions", "0.5"},
                                            {"draws", "0"},
                                            {"window", "8"},
                                            {"windows", "2"}})
    EXPECT_THAT(lensbench::testing::message_of<UsageError>([&, &name = name, &value = value] {
                  run_with(bench, {{name, value}});
                }),
                ::testing::HasSubstr(name + " is given, but only"));
}

}  // namespace
}  // namespace lensbench::surgery
