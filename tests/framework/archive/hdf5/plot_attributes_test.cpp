#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <lensbench/error.hpp>
#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/run/run_writer.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

// Attributes by which programs of the NeXus convention plot a result, read with the plain HDF5
// library.

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::numbers;
using testing::TempDir;
using testing::texts;

RunPlan one_case() {
  RunPlan plan;
  plan.title = "plot";
  plan.experiment = "look";
  plan.experiment_version = "1.0.0";
  plan.request = nlohmann::json::object();
  plan.cases = {{"a", "", 2, std::string(64, 'c'), {17, 17}}};
  return plan;
}

std::string sealed(const TempDir& folder, const std::map<std::string, Dataset>& of_case,
                   const std::map<std::string, Dataset>& summaries) {
  RunWriter writer = RunWriter::start(folder / "a.h5", one_case(), false);
  writer.commit(0, of_case, {});
  writer.seal(summaries, {{17, "In"}}, {}, nlohmann::json::object(), nlohmann::json::object());
  return folder / "a.h5";
}

/// Texts of an attribute of a group, one for a scalar; `missing` without the attribute.
std::vector<std::string> attribute(const std::string& path, const char* group, const char* name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  std::vector<std::string> found = {"missing"};
  if (H5Aexists_by_name(file, group, name, H5P_DEFAULT) > 0) {
    const hid_t opened = H5Aopen_by_name(file, group, name, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t type = H5Aget_type(opened), space = H5Aget_space(opened);
    std::vector<char*> pointers(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    H5Aread(opened, type, pointers.data());
    found.assign(pointers.begin(), pointers.end());
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(opened);
  }
  H5Fclose(file);
  return found;
}

Dataset lens() {
  Dataset dataset;
  add_token_axis(dataset, {17, 17}, {"In", "In"});
  dataset.add(texts("words", {"token"}, {"a", "b"}));
  dataset.add(numbers("entropy", {"token", "thing"}, at::ones({2, 3}), "nats"));
  dataset.add(numbers("rank", {"token"}, at::ones({2}), "1"));
  return dataset;
}

Dataset scalar() {
  Dataset dataset;
  dataset.add(numbers("mean", {}, at::ones({}), "1"));
  return dataset;
}

TEST(PlotAttributes, AreThoseOfTheFirstNumbersAndItsAxes) {
  const TempDir folder;
  const std::string path = sealed(folder, {{"lens", lens()}}, {{"mean", scalar()}});
  EXPECT_THAT(attribute(path, "/results/lens", "NX_class"), ElementsAre("NXdata"));
  EXPECT_THAT(attribute(path, "/results/lens", "signal"), ElementsAre("entropy"));
  EXPECT_THAT(attribute(path, "/results/lens", "axes"), ElementsAre("token", "."));
}

TEST(PlotAttributes, LeaveOutTheAxesOfASingleNumber) {
  const TempDir folder;
  const std::string path = sealed(folder, {}, {{"mean", scalar()}});
  EXPECT_THAT(attribute(path, "/results/mean", "signal"), ElementsAre("mean"));
  EXPECT_THAT(attribute(path, "/results/mean", "axes"), ElementsAre("missing"));
}

TEST(PlotAttributes, NameTextWhereThereIsNothingElse) {
  Dataset words;
  words.add(texts("words", {"thing"}, {"a", "b"}));
  const TempDir folder;
  const std::string path = sealed(folder, {}, {{"words", words}});
  EXPECT_THAT(attribute(path, "/results/words", "signal"), ElementsAre("words"));
  EXPECT_THAT(attribute(path, "/results/words", "axes"), ElementsAre("."));
}

TEST(PlotAttributes, LeadFromTheRootToAResult) {
  const TempDir folder;
  const std::string path = sealed(folder, {{"lens", lens()}}, {{"a_mean", scalar()}});
  EXPECT_THAT(attribute(path, "/", "default"), ElementsAre("results"));
  EXPECT_THAT(attribute(path, "/results", "NX_class"), ElementsAre("NXentry"));
  EXPECT_THAT(attribute(path, "/results", "default"), ElementsAre("a_mean"));
}

TEST(PlotAttributes, AreMissingWhereThereAreNoResults) {
  const TempDir folder;
  EXPECT_THAT(attribute(sealed(folder, {}, {}), "/results", "default"), ElementsAre("missing"));
}

TEST(PlotAttributes, AreNotAttributesOfTheDatasetThatIsRead) {
  Dataset dataset = lens();
  dataset.attributes["model"] = std::string("tiny");
  const TempDir folder;
  const ArchiveReader archive(sealed(folder, {{"lens", dataset}}, {}));
  for (const auto& attributes :
       {archive.read("lens").attributes, archive.stored("lens").attributes})
    EXPECT_EQ(attributes, (std::map<std::string, Attribute>{{"model", std::string("tiny")}}));
}

TEST(PlotAttributes, AreRefusedFromTools) {
  const TempDir folder;
  for (const char* name : {"NX_class", "signal", "axes"}) {
    Dataset dataset = lens();
    dataset.attributes[name] = std::string("mine");
    EXPECT_THAT(message_of<UsageError>([&] {
                  sealed(folder, {{"lens", dataset}}, {});
                }),
                HasSubstr(std::string("attribute '") + name + "' is reserved"));
    std::filesystem::remove_all(folder / "a.run");
  }
}

}  // namespace
}  // namespace lensbench
