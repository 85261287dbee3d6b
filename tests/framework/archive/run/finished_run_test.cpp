#include "archive/run/finished_run.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

// A resume of a run whose archive exists already: a large archive is read once to verify it.

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

RunPlan plan_of_one_case() {
  RunPlan plan;
  plan.title = "where";
  plan.experiment = "look";
  plan.experiment_version = "1.0.0";
  plan.request = {{"seed", 1}};
  plan.cases.push_back({"case0", "", 1, std::string(64, 'c'), {17}});
  return plan;
}

class FinishedRuns : public ::testing::Test {
 protected:
  FinishedRuns() {
    RunWriter writer = RunWriter::start(out_, plan_of_one_case(), false);
    Dataset dataset;
    add_token_axis(dataset, {17}, {"In"});
    dataset.add(testing::numbers("entropy", {"token"}, at::full({1}, 0.5f), "nats"));
    writer.commit(0, {{"lens", dataset}}, {});
    writer.seal({}, {{17, "In"}}, {}, {{"threads", 1}}, {{"host", "here"}});
  }

  /// Changes a result with the plain HDF5 library.
  void damage() const {
    const hid_t file = H5Fopen(out_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t dataset = H5Dopen2(file, "/results/lens/entropy", H5P_DEFAULT);
    const float value = 9;
    EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value), 0);
    H5Dclose(dataset);
    H5Fclose(file);
  }

  testing::TempDir folder_;
  std::string out_ = folder_ / "a.h5";
};

TEST_F(FinishedRuns, AreRefusedWithADamagedArchive) {
  damage();
  EXPECT_THAT(message_of<InputError>([&] { finish_sealed_run(out_, plan_of_one_case()); }),
              HasSubstr("a.h5: damaged"));
  EXPECT_THAT(message_of<InputError>([&] { require_intact_run(out_); }),
              HasSubstr("a.h5: damaged"));
}

TEST_F(FinishedRuns, AreNotVerifiedASecondTime) {
  damage();
  EXPECT_NO_THROW(finish_sealed_run(out_, plan_of_one_case(), Verified::yes));
}

TEST_F(FinishedRuns, OfAnotherRequestAreRefusedHoweverTheyWereVerified) {
  RunPlan other = plan_of_one_case();
  other.request = {{"seed", 2}};
  EXPECT_THROW(finish_sealed_run(out_, other, Verified::yes), UsageError);
}

}  // namespace
}  // namespace lensbench
