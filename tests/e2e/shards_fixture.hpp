#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "support/command.hpp"
#include "support/fixture_plugins.hpp"

namespace lensbench::testing {

/// A run of several processes, each of which is a command.
class ShardsTest : public ::testing::Test {
 protected:
  ShardsTest() {
    place(directory_, "long_work");
    write_prompts(6);
  }

  /// Prompts of one length, so that equal numbers of cases have equal work.
  void write_prompts(int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text += "And God said, Let there be light " + std::to_string(i) + "\n";
    directory_.write("p.txt", text);
  }

  /// Words of a run of the experiment of this test.
  std::vector<std::string> words(const std::string& archive) const {
    std::vector<std::string> all = {
        command_,    name_, "--plugin-dir", directory_.path(),    "--model", kModel,
        "--threads", "1",   "--prompts",    directory_ / "p.txt", "--out",   directory_ / archive};
    all.insert(all.end(), more_.begin(), more_.end());
    return all;
  }
  Outcome run(const std::string& archive, const std::vector<std::string>& more = {}) const {
    auto all = words(archive);
    all.insert(all.end(), more.begin(), more.end());
    return lensbench(std::move(all));
  }
  Outcome shard(const std::string& archive, const std::string& which,
                const std::vector<std::string>& more = {}) const {
    auto all = more;
    all.insert(all.end(), {"--shard", which});
    return run(archive, all);
  }
  std::filesystem::path folder(const std::string& archive) const {
    return std::filesystem::path(directory_ / archive).replace_extension(".run");
  }
  Outcome seal(const std::string& archive, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"seal", folder(archive)};
    all.insert(all.end(), more.begin(), more.end());
    return lensbench(std::move(all));
  }
  /// Runs shards one after the other and seals what they have computed.
  void run_and_seal(const std::string& archive, const std::vector<std::string>& shards) const {
    for (const std::string& which : shards) {
      const Outcome outcome = shard(archive, which);
      ASSERT_EQ(outcome.exit_code, 0) << which << ": " << outcome.err;
    }
    const Outcome sealed = seal(archive, {"--reproducible"});
    ASSERT_EQ(sealed.exit_code, 0) << sealed.err;
  }

  /// SHA-256 of the file, by another program.
  std::string file_digest(const std::string& archive) const {
    return testing::run({"/usr/bin/sha256sum", directory_ / archive}).out.substr(0, 64);
  }
  std::string digest(const std::string& archive, const std::string& name) const {
    return ArchiveReader(directory_ / archive).attribute(name);
  }

  TempDir directory_;
  std::string command_ = "run", name_ = "prediction_trajectory";
  std::vector<std::string> more_;
};

}  // namespace lensbench::testing
