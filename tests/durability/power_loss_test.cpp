#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <lensbench/random.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "durability/workload.hpp"
#include "fixtures/faults/io_faults.hpp"
#include "support/long_form.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

// The log of a whole run's calls is replayed up to a random point, where the power fails: of what
// was not synced, any part may be on the disk. POSIX's worst case, not that of one file system:
// content that was not synced is missing, torn or there; each name that was made, changed or
// removed in a folder that was not synced since is so or is not.

namespace lensbench::testing {
namespace {

namespace fs = std::filesystem;

struct Record {
  char letter;
  std::string path, to;
  std::uint64_t offset;
  std::string content;
};

class LogReader {
 public:
  explicit LogReader(std::string log) : log_(std::move(log)) {}
  bool at_end() const { return next_ >= log_.size(); }
  Record next() {
    Record record{};
    take(&record.letter, 1);
    record.path = text();
    record.to = text();
    take(&record.offset, sizeof record.offset);
    record.content = text();
    return record;
  }

 private:
  void take(void* to, std::size_t n) {
    std::memcpy(to, log_.data() + next_, n);
    next_ += n;
  }
  std::string text() {
    std::uint64_t size = 0;
    take(&size, sizeof size);
    next_ += size;
    return log_.substr(next_ - size, size);
  }

  std::string log_;
  std::size_t next_ = 0;
};

/// A file, or a folder where `folder` is set.
struct Inode {
  bool folder = false;
  std::string content, synced;
};
using InodePtr = std::shared_ptr<Inode>;
using Names = std::map<std::string, InodePtr>;

/// A name that was made (or removed, without an inode) and is not synced.
struct Pending {
  std::string name;
  InodePtr inode;
};

class Disk {
 public:
  explicit Disk(const std::string& root) {
    now_[root] = durable_[root] = std::make_shared<Inode>(Inode{true, "", ""});
  }

  void apply(const Record& record) {
    switch (record.letter) {
      case 'm':
        return enter(record.path, std::make_shared<Inode>(Inode{true, "", ""}));
      case 'o':
        if (now_.count(record.path) == 0) enter(record.path, std::make_shared<Inode>());
        return;
      case 'w':
        return write(record);
      case 't':
        if (now_.count(record.path) != 0) now_[record.path]->content.resize(record.offset);
        return;
      case 's':
        return sync(record);
      case 'r':
        enter(record.to, now_.at(record.path));
        return enter(record.path, nullptr);
      case 'l':
        return enter(record.to, now_.at(record.path));
      case 'u':
        if (now_.count(record.path) != 0) enter(record.path, nullptr);
        return;
      default:
        return;
    }
  }

  /// What is there when the power comes back.
  Names after_power_loss(Philox& random) const {
    Names names = durable_;
    const double keep = random.uniform();
    for (const Pending& change : pending_)
      if (random.uniform() < keep) change_name(names, change);
    return names;
  }

 private:
  static void change_name(Names& names, const Pending& change) {
    if (change.inode)
      names[change.name] = change.inode;
    else
      names.erase(change.name);
  }

  void enter(const std::string& name, const InodePtr& inode) {
    change_name(now_, {name, inode});
    pending_.push_back({name, inode});
  }

  void write(const Record& record) {
    const auto found = now_.find(record.path);
    if (found == now_.end()) return;
    auto& content = found->second->content;
    content.resize(std::max<std::size_t>(content.size(), record.offset + record.content.size()));
    content.replace(record.offset, record.content.size(), record.content);
  }

  void sync(const Record& record) {
    const auto found = now_.find(record.path);
    if (found == now_.end()) return;
    if (!found->second->folder) {
      found->second->content = found->second->synced = record.content;
      return;
    }
    std::vector<Pending> later;
    for (const Pending& change : pending_)
      if (fs::path(change.name).parent_path() == record.path)
        change_name(durable_, change);
      else
        later.push_back(change);
    pending_ = std::move(later);
  }

  Names now_, durable_;
  std::vector<Pending> pending_;
};

std::string surviving(const Inode& inode, Philox& random) {
  const double kind = random.uniform();
  if (kind < 0.3) return inode.synced;
  if (kind < 0.5) return inode.content;
  // Torn: a part of what was not synced is there, the rest as it was, or not at all. What was
  // synced stays: bytes that are appended to a file do not make it shorter.
  std::string torn = inode.content;
  const auto cut = static_cast<std::size_t>(random.uniform() * static_cast<double>(torn.size()));
  for (std::size_t i = cut; i < torn.size(); ++i)
    torn[i] = i < inode.synced.size() ? inode.synced[i] : '\0';
  if (kind < 0.75) torn.resize(std::min(torn.size(), std::max(cut, inode.synced.size())));
  return torn;
}

void put_on_disk(const Names& names, const std::string& root, const fs::path& folder,
                 Philox& random) {
  std::set<std::string> folders = {root};
  for (const auto& [name, inode] : names) {
    if (name == root || folders.count(fs::path(name).parent_path()) == 0) continue;
    const fs::path place = folder / name.substr(root.size() + 1);
    if (inode->folder) {
      fs::create_directory(place);
      folders.insert(name);
    } else {
      const bool safe = inode->content == inode->synced;
      std::ofstream(place, std::ios::binary) << (safe ? inode->synced : surviving(*inode, random));
    }
  }
}

std::vector<Record> recorded_run(const TempDir& folder, const CommitRules& rules) {
  const TempDir notes;
  const std::string log = notes / "log";
  const pid_t child = fork();
  if (child == 0) {
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    arm_faults(folder.path().c_str(), 0, FaultMode::none, file, true);
    run_workload(
        folder / "a.h5", false, [](std::int64_t index) { note_in_log('d', index); }, rules);
    arm_faults(nullptr, 0, FaultMode::none, -1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::vector<Record> records;
  for (LogReader reader(slurp(log)); !reader.at_end();) records.push_back(reader.next());
  return records;
}

void expect_nothing_lost(const CommitRules& rules) {
  const TempDir source;
  const std::vector<Record> records = recorded_run(source, rules);
  const std::string root = source.path().string();
  ASSERT_GT(records.size(), 50U);
  const int trials = in_long_form() ? 2000 : 120;
  for (int trial = 0; trial < trials; ++trial) {
    SCOPED_TRACE("trial " + std::to_string(trial));
    Philox random(static_cast<std::uint64_t>(trial) + 1);
    const auto end =
        static_cast<std::size_t>(random.uniform() * static_cast<double>(records.size() + 1));
    Disk disk(root);
    std::string acknowledged;
    for (std::size_t i = 0; i < end; ++i) {
      disk.apply(records[i]);
      if (records[i].letter == 'd') acknowledged += records[i].path;
    }
    const TempDir folder;
    put_on_disk(disk.after_power_loss(random), root, folder.path(), random);
    const Recovered found = recover(folder / "a.h5", acknowledged);
    EXPECT_TRUE(found.acknowledged_kept) << "of the cases " << acknowledged;
    EXPECT_EQ(found.error, "");
    EXPECT_EQ(found.results, undisturbed().digests.results);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(PowerLoss, LosesNoCaseThatWasReportedAsDone) {
  expect_nothing_lost(kEachCase);
}

TEST(PowerLoss, LosesNoCaseThatWasReportedAsDoneInAGroup) {
  expect_nothing_lost(kInGroups);
}

}  // namespace
}  // namespace lensbench::testing
