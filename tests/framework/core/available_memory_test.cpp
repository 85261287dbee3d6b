#include "core/available_memory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "support/temp_dir.hpp"

// Files of the kernel in a folder: proc(5), and the documents of control groups of the kernel
// (admin-guide/cgroup-v1/memory.rst, admin-guide/cgroup-v2.rst).

namespace lensbench {
namespace {

namespace fs = std::filesystem;

class AvailableMemory : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
  }
  void write_meminfo() {
    write("proc/meminfo", "MemTotal: 8000 kB\nMemFree: 100 kB\nMemAvailable: 4000 kB\n");
  }

  testing::TempDir folder;
  const fs::path root = fs::path(folder / "root");
};

TEST_F(AvailableMemory, IsThatOfTheSystemWithoutGroups) {
  write_meminfo();
  EXPECT_EQ(available_memory(root), 4000.0 * 1024);
}

TEST_F(AvailableMemory, IsInfiniteWhereTheSystemReportsNothing) {
  EXPECT_EQ(available_memory(root), std::numeric_limits<double>::infinity());
}

// 3,000,000 allowed; 2,500,000 used, of which 400,000 + 100,000 are pages of files.
TEST_F(AvailableMemory, IsWhatAGroupOfVersion1Leaves) {
  write_meminfo();
  write("proc/self/cgroup", "5:devices:/\n4:memory:/jobs/one\n0::/\n");
  const std::string group = "sys/fs/cgroup/memory/jobs/one/";
  write(group + "memory.limit_in_bytes", "3000000\n");
  write(group + "memory.usage_in_bytes", "2500000\n");
  write(group + "memory.stat", "cache 1\ntotal_inactive_file 400000\ntotal_active_file 100000\n");
  EXPECT_EQ(available_memory(root), 1000000);
}

TEST_F(AvailableMemory, IsWhatAGroupOfVersion2Leaves) {
  write_meminfo();
  write("proc/self/cgroup", "0::/jobs/one\n");
  write("sys/fs/cgroup/jobs/one/memory.max", "3000000\n");
  write("sys/fs/cgroup/jobs/one/memory.current", "2500000\n");
  write("sys/fs/cgroup/jobs/one/memory.stat", "inactive_file 400000\nactive_file 100000\n");
  EXPECT_EQ(available_memory(root), 1000000);
}

TEST_F(AvailableMemory, IsLimitedByTheGroupsAboveToo) {
  write_meminfo();
  write("proc/self/cgroup", "0::/jobs/one\n");
  write("sys/fs/cgroup/jobs/one/memory.max", "max\n");
  write("sys/fs/cgroup/jobs/one/memory.current", "500\n");
  write("sys/fs/cgroup/jobs/memory.max", "2000\n");
  write("sys/fs/cgroup/jobs/memory.current", "500\n");
  EXPECT_EQ(available_memory(root), 1500);
}

// The path is that outside the container, in which the root is the container's own group.
TEST_F(AvailableMemory, OfAContainerIsWhatItsRootLeaves) {
  write_meminfo();
  write("proc/self/cgroup", "0::/docker/0123\n");
  write("sys/fs/cgroup/memory.max", "1000\n");
  write("sys/fs/cgroup/memory.current", "400\n");
  EXPECT_EQ(available_memory(root), 600);
}

}  // namespace
}  // namespace lensbench
