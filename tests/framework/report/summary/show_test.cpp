#include "report/summary/show.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "archive/run/run_writer.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

namespace lensbench {
namespace {

using testing::numbers;
using testing::TempDir;

RunPlan two_cases() {
  RunPlan plan;
  plan.title = "Where is it known?";
  plan.experiment = "fact_recall";
  plan.experiment_version = "1.0.0";
  plan.request = {{"model", "tiny"}};
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 1000}};
  for (const std::string id : {"first", "second"})
    plan.cases.push_back({id, "a prompt", 2, std::string(64, 'c'), {17, 17}});
  return plan;
}

/// A result whose receipt has failed.
Dataset bad_lens() {
  Dataset dataset;
  add_token_axis(dataset, {17, 17}, {"the", "the"});
  add_layer_axis(dataset, 2);
  dataset.add(numbers("entropy", {"layer", "token"}, at::ones({3, 2}), "nats"));
  dataset.receipts = {make_receipt("last_layer_equals_logits", 1e-4, 1e-5)};
  return dataset;
}

TEST(Show, SaysWhatAReaderAsksFirst) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", two_cases(), false);
  writer.commit(0, {{"lens", bad_lens()}}, {});
  writer.commit_failure(1, "no such token", {});
  const SealResult result = writer.seal({}, {{17, "the"}}, {}, {{"threads", 2}}, {});
  const std::string text = describe_archive(result.path);
  for (const std::string part :
       {"Where is it known?", "fact_recall 1.0.0", "1 FAILED", "no such token",
        "FAILED    lens/last_layer_equals_logits", "/results/lens", "entropy(layer, token) float32",
        "[nats]", "* input_token(token) text"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  EXPECT_NE(text.find(result.digests.seal), std::string::npos);
}

}  // namespace
}  // namespace lensbench
