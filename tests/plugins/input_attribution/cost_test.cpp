// The cost that is announced before a run: items that the run finishes, and memory by hand.
#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

#include "bench/run_services.hpp"
#include "input_attribution/input_attribution.hpp"
#include "support/bench.hpp"
#include "support/contexts.hpp"
#include "support/random_model.hpp"
#include "support/recorded_options.hpp"

namespace lensbench::inputs {
namespace {

/// Remembers how far a run has come.
struct WatchedRun : RunServices {
  void progress(std::int64_t finished, std::int64_t all) override {
    EXPECT_GE(finished, done);
    done = finished;
    total = all;
  }
  bool cancelled() const override { return false; }
  void commit(const std::string&, const Dataset&) override {}
  std::optional<Dataset> committed(const std::string&) const override { return std::nullopt; }
  std::int64_t done = 0, total = 0;
};

class InputCost : public ::testing::Test {
 protected:
  InputCost() {
    bench_.tool.attach(bench_.context, testing::declared(InputAttributionTool::kParameters),
                       "tool 'input_attribution'");
  }
  testing::ToolBench<InputAttributionTool> bench_{
      random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), {3, 17, 5, 2}};
};

// Items of a prompt of four tokens: the gradient of the prompt, each step, each window, each pass
// for the patterns.
TEST_F(InputCost, AnnounceTheItemsOfTheirMethodsAndFinishThem) {
  const std::vector<std::pair<Settings, std::int64_t>> asked = {
      {{}, 1 + 64 + 4},
      {{{"methods", "gradient_x_input"}}, 1},
      {{{"methods", "integrated_gradients"}, {"steps", "7"}}, 1 + 7},
      {{{"methods", "occlusion"}}, 1 + 4},
      {{{"methods", "occlusion"}, {"window", "3"}}, 1 + 2},
      {{{"methods", "attention_gradient,relevance"}}, 1 + 2}};
  for (const auto& [settings, items] : asked) {
    const Request request(bench_.tokens, bench_.tool.parameters(settings));
    EXPECT_EQ(*bench_.tool.estimate(request).items, items);
    WatchedRun run;
    ContextAccess::connect(bench_.context, &run);
    bench_.tool.run(request);
    ContextAccess::connect(bench_.context, nullptr);
    EXPECT_EQ(run.done, items);
    EXPECT_EQ(run.total, items);
  }
}

TEST_F(InputCost, AnnounceTheMemoryOfTheirMethods) {
  const Tokens longer = tokens_from_ids(*bench_.model, std::vector<std::int64_t>(40, 5));
  const auto bytes = [&](const Settings& settings) {
    return *bench_.tool.estimate(Request(longer, bench_.tool.parameters(settings))).bytes;
  };
  // Two float32 graphs of 3 blocks and 40 positions: 8 streams of 24, 4 projections of 3 heads of
  // 8, 3 rows of 40 keys (scores, their masked copy, weights) for 3 heads, 3 layers of 40 neurons.
  const double two_graphs = 2 * 4.0 * 3 * 40 * (8 * 24 + 4 * 3 * 8 + 3 * 3 * 40 + 3 * 40);
  EXPECT_EQ(bytes({{"methods", "gradient_x_input"}}), two_graphs);
  EXPECT_EQ(bytes({{"methods", "occlusion"}, {"steps", "1000"}}), two_graphs);
  EXPECT_EQ(bytes({{"methods", "integrated_gradients"}, {"graph_bytes", "1"}}), two_graphs);
  EXPECT_EQ(bytes({{"methods", "integrated_gradients"}, {"steps", "64"}}), 32 * two_graphs);
}

}  // namespace
}  // namespace lensbench::inputs
