#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "archive/run/run_writer.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

// A case file is read once, and not for the names of its datasets.

namespace lensbench {
namespace {

using testing::TempDir;

RunWriter with_two_cases(const std::filesystem::path& out) {
  RunPlan plan;
  plan.title = plan.experiment = "reads";
  plan.experiment_version = "1.0.0";
  plan.request = nlohmann::json::object();
  for (int i = 0; i < 2; ++i) plan.cases.push_back({std::to_string(i), "", 1, "", {17}});
  RunWriter writer = RunWriter::start(out, plan, false);
  for (int i = 0; i < 2; ++i) {
    Dataset dataset;
    dataset.add(testing::numbers("value", {}, at::scalar_tensor(i)));
    writer.commit(i, {{"a", dataset}, {"b", dataset}}, {});
  }
  return writer;
}

void remove_case_files(const std::filesystem::path& folder) {
  for (const auto& file : std::filesystem::directory_iterator(folder))
    std::filesystem::remove(file);
}

TEST(ReadsOfARun, NeedNoFileForNames) {
  const TempDir folder;
  const RunWriter writer = with_two_cases(folder / "a.h5");
  remove_case_files(folder / "a.run/units");
  EXPECT_EQ(writer.names(1), (std::vector<std::string>{"a", "b"}));
}

TEST(ReadsOfARun, AndItsSealTogetherReadAFileOnce) {
  const TempDir folder;
  RunWriter writer = with_two_cases(folder / "a.h5");
  for (int i = 0; i < 2; ++i) writer.read(i, "a");
  remove_case_files(folder / "a.run/units");
  EXPECT_EQ(writer.read(1, "b")["value"].tensor.item<float>(), 1);
  EXPECT_NO_THROW(writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object()));
}

}  // namespace
}  // namespace lensbench
