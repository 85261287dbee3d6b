#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <lensbench/tool.hpp>
#include <string>
#include <vector>

#include "logit_lens/logit_lens.hpp"
#include "support/bench.hpp"
#include "support/folders.hpp"
#include "support/recorded_options.hpp"
#include "support/sample_models.hpp"

// Prompts that are decoded together have the results of each alone. Rows of the readout do not
// depend on each other; sums over the vocabulary may be joined in other places, which changes the
// last bits: 1e-5 relative to values of size 1.

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

void expect_equal(const Dataset& batched, const Dataset& alone, const std::string& name) {
  ASSERT_EQ(batched.variables().size(), alone.variables().size()) << name;
  for (const Variable& expected : alone.variables()) {
    EXPECT_EQ(batched[expected.name].strings, expected.strings) << name << " " << expected.name;
    if (expected.is_text()) continue;
    const at::Tensor& tensor = batched[expected.name].tensor;
    ASSERT_EQ(tensor.sizes(), expected.tensor.sizes()) << name << " " << expected.name;
    EXPECT_TRUE(at::allclose(tensor, expected.tensor, 1e-5, 1e-5, /*equal_nan=*/true))
        << name << " " << expected.name;
  }
  EXPECT_EQ(batched.attributes.at("target"), alone.attributes.at("target")) << name;
  ASSERT_EQ(batched.receipts.size(), alone.receipts.size()) << name;
  for (std::size_t i = 0; i < alone.receipts.size(); ++i) {
    EXPECT_TRUE(batched.receipts[i].passed) << name << " " << batched.receipts[i].value;
    EXPECT_EQ(batched.receipts[i].note, alone.receipts[i].note) << name;
  }
}

TEST(LensBatch, GivesEachPromptWhatItAloneGivesInEveryFamily) {
  for (const std::string& name : testing::sample_models()) {
    Bench bench(Model::open(testing::data_folder() + "/models/" + name), {1});
    const auto requests = requests_of(bench);
    const auto batched = bench.tool.run_batch(requests);
    ASSERT_EQ(batched.size(), requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i)
      expect_equal(batched[i], bench.tool.run(requests[i]), name);
  }
}

}  // namespace
}  // namespace lensbench::lens
