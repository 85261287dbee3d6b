#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <lensbench/tool.hpp>
#include <string>
#include <vector>

#include "bench/input/case_batches.hpp"
#include "logit_lens/logit_lens.hpp"
#include "model/forward/row_bits.hpp"
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

// The parts of a run have parts of its batches, and their archive has the receipts of the whole
// run.
TEST(LensBatch, GivesEachPromptOfEqualLengthTheReceiptThatItAloneGives) {
  Bench bench(Model::open(testing::source_folder() + "/models/kjv-gpt2"), {1});
  if (!rows_keep_their_bits(bench.model->spec())) GTEST_SKIP() << "no run has batches here";
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // as in a run with batches
  bench.tool.attach(bench.context, testing::declared(LogitLensTool::kParameters));
  const auto parameters = bench.tool.parameters({{"top_k", "3"}});
  std::vector<Request> requests;
  for (std::int64_t i = 0; i < 13; ++i)
    requests.emplace_back(tokens_from_ids(*bench.model, {5, 9, 200 + i, 31, 7 * i}), parameters);
  const auto batched = bench.tool.run_batch(requests);
  ASSERT_EQ(batched.size(), requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Dataset alone = bench.tool.run(requests[i]);
    EXPECT_EQ(batched[i].receipts.at(0).value, alone.receipts.at(0).value) << "prompt " << i;
    EXPECT_GT(alone.receipts.at(0).value, 0);
  }
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace lensbench::lens
