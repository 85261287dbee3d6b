#include "archive/run/committed_results.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "archive/run/run_writer.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using testing::TempDir;

class CommittedResultsTest : public ::testing::Test {
 protected:
  CommittedResultsTest() {
    plan_.title = plan_.experiment = "look";
    plan_.experiment_version = "1.0.0";
    plan_.request = {{"seed", 1}};
    for (const char* id : {"a", "b", "c"})
      plan_.cases.push_back({id, "text", 1, std::string(64, 'c'), {17}});
  }

  static Dataset number(double value) {
    Dataset dataset;
    dataset.add("value", {}, at::full({}, value, at::kDouble), "1", "a number");
    return dataset;
  }

  TempDir folder_;
  RunPlan plan_;
};

TEST_F(CommittedResultsTest, AreReadWhileTheRunIsBeingWritten) {
  auto writer = RunWriter::start(folder_ / "a.h5", plan_, false);
  writer.commit(2, {{"look", number(2)}}, {});
  writer.commit(0, {{"look", number(0)}, {"more", number(5)}}, {});

  const CommittedResults results(folder_ / "a.run");
  EXPECT_THAT(results.names(), ElementsAre("look", "more"));
  EXPECT_EQ(results.cases()[0].status, CaseStatus::complete);
  EXPECT_EQ(results.cases()[1].status, CaseStatus::planned);
  EXPECT_EQ(results.cases()[1].id, "b");
  const Dataset look = results.read("look", {0, 1, 2});
  EXPECT_TRUE(at::equal(look["value"].tensor, at::tensor({0.0, 2.0}, at::kDouble)));
  EXPECT_THAT(look["case_id"].strings, ElementsAre("a", "c"));
  EXPECT_EQ(results.read("more", {0, 2})["value"].tensor.numel(), 1);
}

TEST_F(CommittedResultsTest, CountAFailureThatWasNotRepeated) {
  auto writer = RunWriter::start(folder_ / "a.h5", plan_, false);
  writer.commit_failure(0, "no", {});
  writer.commit_failure(1, "no", {});
  writer.commit(1, {{"look", number(1)}}, {});

  const CommittedResults results(folder_ / "a.run");
  EXPECT_EQ(results.cases()[0].status, CaseStatus::failed);
  EXPECT_EQ(results.cases()[1].status, CaseStatus::complete);
}

TEST_F(CommittedResultsTest, RefuseAFolderWithoutAPlan) {
  EXPECT_THROW(CommittedResults{folder_.path()}, InputError);
}

}  // namespace
}  // namespace lensbench
