#include <gtest/gtest.h>

#include <lensbench/tool.hpp>
#include <string>
#include <vector>

#include "bench/input/case_batches.hpp"
#include "logit_lens/logit_lens.hpp"
#include "support/bench.hpp"
#include "support/folders.hpp"
#include "support/recorded_options.hpp"
#include "support/sample_models.hpp"

// Prompts that are decoded together have the results of each alone, in every bit, in the families
// that run in batches.

namespace lensbench::lens {
namespace {

using Bench = testing::ToolBench<LogitLensTool>;

/// Three prompts of different length, one with a target of its own.
std::vector<Request> requests_of(Bench& bench) {
  bench.tool.attach(bench.context, testing::declared(LogitLensTool::kParameters));
  const auto parameters = bench.tool.parameters({{"top_k", "3"}, {"points", "resid_post,mlp_out"}});
  std::vector<Request> requests;
  for (const std::vector<std::int64_t>& ids :
       {std::vector<std::int64_t>{1, 2, 3, 4}, {0, 2}, {4, 3, 2}})
    requests.emplace_back(tokens_from_ids(*bench.model, ids), parameters);
  requests[1].set_target(Target::token(2));
  return requests;
}

TEST(LensBatch, GivesEachPromptWhatItAloneGivesInEveryFamily) {
  for (const std::string& name : testing::sample_models()) {
    Bench bench(Model::open(testing::data_folder() + "/models/" + name), {1});
    if (!can_run_in_batches(bench.model->spec())) continue;
    const auto requests = requests_of(bench);
    const auto batched = bench.tool.run_batch(requests);
    ASSERT_EQ(batched.size(), requests.size());
    SCOPED_TRACE(name);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      Dataset together = batched[i], alone = bench.tool.run(requests[i]);
      // A receipt compares with the logits of a forward of the whole batch.
      ASSERT_EQ(together.receipts.size(), 1u);
      EXPECT_TRUE(together.receipts.front().passed) << together.receipts.front().value;
      EXPECT_EQ(together.receipts.front().note, alone.receipts.front().note);
      together.receipts.clear();
      alone.receipts.clear();
      testing::expect_equal(together, alone);
    }
  }
}

}  // namespace
}  // namespace lensbench::lens
