#include "archive/run/case_file_cache.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>

#include "archive/run/run_writer.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

// What is read again from case files, and how often they are opened.

namespace lensbench {
namespace {

using testing::numbers;
using testing::TempDir;

/// A dataset with every kind of variable.
Dataset all_kinds(float value) {
  Dataset dataset;
  add_token_axis(dataset, {17, 18}, {"In", " the"});
  dataset.add(numbers("entropy", {"token"}, at::tensor({value, NAN}), "nats"));
  dataset.add(numbers("flag", {"token"}, at::tensor({1, 0}, at::kLong).to(at::kBool)));
  dataset.add(numbers("half", {}, at::scalar_tensor(value, at::kHalf)));
  dataset.add(numbers("nothing", {"none"}, at::empty({0}, at::kDouble)));
  dataset.attributes["note"] = "of " + std::to_string(value);
  dataset.receipts = {make_receipt("sum", value, 1, "why")};
  return dataset;
}

/// Case files of a run that has not been sealed.
class CaseFiles {
 public:
  explicit CaseFiles(const std::vector<std::map<std::string, Dataset>>& cases) {
    RunPlan plan;
    plan.title = plan.experiment = "reads";
    plan.experiment_version = "1.0.0";
    plan.request = nlohmann::json::object();
    for (std::size_t i = 0; i < cases.size(); ++i)
      plan.cases.push_back({"case" + std::to_string(i), "", 1, "", {17}});
    RunWriter writer = RunWriter::start(folder_ / "a.h5", plan, false);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      CaseCosts costs;
      costs.whole.seconds = static_cast<double>(i) + 0.5;
      writer.commit(static_cast<std::int64_t>(i), cases[i], costs);
    }
    for (const std::string& key : case_keys(plan))
      files_.push_back(folder_ / ("a.run/units/" + key + ".h5"));
  }
  const std::filesystem::path& operator[](std::int64_t index) const {
    return files_.at(static_cast<std::size_t>(index));
  }

 private:
  TempDir folder_;
  std::vector<std::filesystem::path> files_;
};

void expect_equal(const Dataset& a, const Dataset& b) {
  ASSERT_EQ(a.variables().size(), b.variables().size());
  for (const Variable& variable : a.variables()) {
    const Variable& other = b[variable.name];
    EXPECT_EQ(variable.dims, other.dims) << variable.name;
    EXPECT_EQ(variable.strings, other.strings) << variable.name;
    EXPECT_EQ(variable.attributes, other.attributes) << variable.name;
    EXPECT_EQ(variable.coordinate, other.coordinate) << variable.name;
    if (variable.is_text()) continue;
    EXPECT_EQ(variable.tensor.scalar_type(), other.tensor.scalar_type()) << variable.name;
    EXPECT_TRUE(at::allclose(variable.tensor.to(at::kDouble), other.tensor.to(at::kDouble), 0, 0,
                             /*equal_nan=*/true))
        << variable.name;
  }
  EXPECT_EQ(a.attributes, b.attributes);
  EXPECT_EQ(a.dims(), b.dims());
  ASSERT_EQ(a.receipts.size(), b.receipts.size());
  for (std::size_t i = 0; i < a.receipts.size(); ++i) {
    EXPECT_EQ(a.receipts[i].name, b.receipts[i].name);
    EXPECT_EQ(a.receipts[i].passed, b.receipts[i].passed);
    EXPECT_EQ(a.receipts[i].note, b.receipts[i].note);
  }
}

TEST(CaseFileCache, OpensAFileOnceForAllItsDatasets) {
  const CaseFiles files({{{"a", all_kinds(1)}, {"b", all_kinds(2)}},
                         {{"a", all_kinds(3)}, {"b", all_kinds(4)}},
                         {{"a", all_kinds(5)}, {"b", all_kinds(6)}}});
  CaseFileCache cache;
  for (int times = 0; times < 3; ++times)
    for (std::int64_t i = 0; i < 3; ++i) {
      const auto value = static_cast<float>(2 * i);
      expect_equal(all_kinds(value + 1), cache.read(i, files[i], "a"));
      expect_equal(all_kinds(value + 2), cache.read(i, files[i], "b"));
    }
  EXPECT_EQ(cache.costs(2, files[2]).whole.seconds, 2.5);
  EXPECT_EQ(cache.opened(), 3);
}

TEST(CaseFileCache, ReadsFilesThatDoNotFitFromTheDisk) {
  const std::map<std::string, Dataset> saved{{"a", all_kinds(1)}, {"b", all_kinds(2)}};
  const CaseFiles files({saved, saved});
  CaseFileCache cache(0);
  for (std::int64_t i = 0; i < 2; ++i)
    for (const auto& [name, dataset] : saved) expect_equal(dataset, cache.read(i, files[i], name));
  EXPECT_EQ(cache.opened(), 2);  // the datasets of one file after each other
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(CaseFileCache, KeepsNoMoreThanItMay) {
  const std::map<std::string, Dataset> saved{{"a", all_kinds(1)}};
  const CaseFiles files(std::vector(40, saved));
  CaseFileCache cache(10'000);
  for (std::int64_t i = 0; i < 40; ++i) {
    cache.read(i, files[i], "a");
    EXPECT_LE(cache.bytes(), 10'000u);
  }
  EXPECT_EQ(cache.opened(), 40);
}

/// A change to what was read must not change what is read later, also where a large variable has
/// its memory in common with the file.
void expect_independent(CaseFileCache& cache) {
  Dataset large;
  large.add(numbers("values", {"row"}, at::ones({100'000})));
  const CaseFiles files({{{"large", large}}});
  const Dataset first = cache.read(0, files[0], "large");
  first["values"].tensor.fill_(7);
  EXPECT_TRUE(cache.read(0, files[0], "large")["values"].tensor.equal(at::ones({100'000})));
}

TEST(CaseFileCache, GivesCopies) {
  CaseFileCache keeps, keeps_nothing(0);
  expect_independent(keeps);
  expect_independent(keeps_nothing);
}

TEST(CaseFileCache, RefusesADamagedFileAndAMissingDataset) {
  const std::map<std::string, Dataset> saved{{"a", all_kinds(1)}};
  const CaseFiles files(std::vector(2, saved));
  CaseFileCache cache;
  EXPECT_THROW(cache.read(0, files[0], "b"), InputError);
  std::filesystem::resize_file(files[1], std::filesystem::file_size(files[1]) - 9);
  EXPECT_THROW(cache.read(1, files[1], "a"), InputError);
}

}  // namespace
}  // namespace lensbench
