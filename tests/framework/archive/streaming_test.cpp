#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "archive/archive_reader.hpp"
#include "archive/run_writer.hpp"
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

RunPlan plan_of(std::int64_t cases) {
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
  RunWriter writer = RunWriter::start(path, plan_of(cases), false);
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

/// Memory of the process, mapped pages of files included, in bytes; -1 where the system cannot say.
std::int64_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    std::int64_t kilobytes = 0;
    if (name == "VmRSS:" && status >> kilobytes) return kilobytes * 1024;
  }
  return -1;
}

/// How much the memory of the process grows at most while `work` runs, looked at every millisecond.
std::int64_t growth(const std::function<void()>& work) {
  const std::int64_t before = resident_bytes();
  std::atomic<std::int64_t> most = before;
  std::jthread watch([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      most = std::max<std::int64_t>(most, resident_bytes());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  work();
  watch.request_stop();
  watch.join();
  return before < 0 ? -1 : most - before;
}

// Four times the cases, 68 MiB more of results: what grows is a few numbers a case. The bound
// leaves room for the allocator.
TEST(StreamedArchive, TakesNoMoreMemoryForMoreCases) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer keeps what was freed";
#endif
  const TempDir folder;
  const auto run = [&](std::int64_t cases) {
    return growth([&] { archive_of(folder, cases, 1 << 14); });
  };
  const std::int64_t few = run(80), many = run(320);
  if (few < 0) GTEST_SKIP() << "this system does not say how much memory was resident";
  EXPECT_LT(many, few + (std::int64_t{24} << 20));
}

}  // namespace
}  // namespace lensbench
