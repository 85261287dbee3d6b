#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "archive/archive_reader.hpp"
#include "archive/hdf5/case_selection.hpp"
#include "archive/run/run_writer.hpp"
#include "core/peak_memory.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

namespace lensbench {
namespace {

using testing::numbers;
using testing::TempDir;

/// Case `i` has 3 to 6 tokens; whole rows hold what tells case and position.
Dataset activations_of(std::int64_t i, std::int64_t width) {
  const std::int64_t n = 3 + i % 4;
  Dataset dataset;
  add_token_axis(dataset, std::vector<std::int64_t>(static_cast<std::size_t>(n), i),
                 std::vector<std::string>(static_cast<std::size_t>(n), "t" + std::to_string(i)));
  const at::Tensor rows = at::arange(n, at::kFloat).add(100.0 * static_cast<double>(i));
  dataset.add(numbers("stream", {"token", "d_model"}, rows.unsqueeze(1).expand({n, width})));
  dataset.add(numbers("lens", {"layer", "token"}, rows.unsqueeze(0).expand({5, n})));
  dataset.add(numbers("pattern", {"query_position", "key_position"},
                      at::full({n, n}, 1.0 / static_cast<double>(n))));
  return dataset;
}

RunPlan streaming_plan(std::int64_t cases) {
  RunPlan plan;
  plan.title = "streaming";
  plan.experiment = "activations";
  plan.experiment_version = "1.0.0";
  plan.request = {{"kind", "tool"}};
  for (std::int64_t i = 0; i < cases; ++i)
    plan.cases.push_back({"case-" + std::to_string(i), "", 3 + i % 4, "", {}});
  return plan;
}

std::filesystem::path archive_of(const TempDir& folder, std::int64_t cases, std::int64_t width) {
  auto path = folder / ("a" + std::to_string(cases) + ".h5");
  RunWriter writer = RunWriter::start(path, streaming_plan(cases), false);
  for (std::int64_t i = 0; i < cases; ++i)
    writer.commit(i, {{"activations", activations_of(i, width)}}, {});
  writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object());
  return path;
}

// 120 cases of 64 KiB a row make several chunks and more than one round of buffers.
TEST(StreamedArchive, HoldsWhatEveryCaseSavedInOrder) {
  const TempDir folder;
  const std::int64_t cases = 120;
  const Dataset joined = ArchiveReader(archive_of(folder, cases, 1 << 14)).read("activations");
  std::int64_t row = 0;
  for (std::int64_t i = 0; i < cases; ++i)
    for (std::int64_t p = 0; p < 3 + i % 4; ++p, ++row) {
      const double expected = static_cast<double>(100 * i + p);
      ASSERT_EQ(joined["stream"].tensor[row][0].item<double>(), expected);
      ASSERT_EQ(joined["stream"].tensor[row][(1 << 14) - 1].item<double>(), expected);
      ASSERT_EQ(joined["lens"].tensor[4][row].item<double>(), expected);
      ASSERT_EQ(joined["case"].tensor[row].item<std::int64_t>(), i);
      ASSERT_EQ(joined["token"].tensor[row].item<std::int64_t>(), row);
      ASSERT_EQ(joined["input_token"].strings[static_cast<std::size_t>(row)],
                "t" + std::to_string(i));
    }
  EXPECT_EQ(joined["stream"].tensor.size(0), row);
  EXPECT_EQ(joined["pattern_case119"].dims,
            (std::vector<std::string>{"query_position_case119", "key_position_case119"}));
}

// Texts have one axis, so that the number of their case is in their name alone.
TEST(StreamedArchive, ASelectionLeavesOutTheTextsOfOtherCases) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "texts.h5", streaming_plan(2), false);
  for (std::int64_t i = 0; i < 2; ++i) {
    Dataset written;
    written.add("written", "cell", {"of case " + std::to_string(i)}, "what the model wrote");
    written.add(numbers("shift", {"cell"}, at::full({1}, static_cast<double>(i))));
    writer.commit(i, {{"steering", written}}, {});
  }
  writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object());
  const ArchiveReader archive(folder / "texts.h5");
  const Dataset second = read_selection(archive.stored("steering"), {{1}, true});
  EXPECT_FALSE(second.contains("written_case0"));
  EXPECT_EQ(second["written_case1"].strings, std::vector<std::string>{"of case 1"});
  EXPECT_EQ(second["shift"].tensor.item<double>(), 1);
}

// Four times the cases, 68 MiB more of results. The bound leaves room for the allocator, which
// keeps more or less of what was freed.
TEST(StreamedArchive, TakesNoMoreMemoryForMoreCases) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer keeps what was freed";
#endif
  const auto peak_of = [&](std::int64_t cases) {
    const TempDir folder;
    PeakMemory memory;
    memory.begin();
    archive_of(folder, cases, 1 << 14);
    return memory.end();
  };
  peak_of(320);  // what the allocator keeps from now on
  const double few = peak_of(80), many = peak_of(320);
  if (std::isnan(few)) GTEST_SKIP() << "this system does not say how much memory was resident";
  EXPECT_LT(many, few + double{40 << 20});
}

}  // namespace
}  // namespace lensbench
