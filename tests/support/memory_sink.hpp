#pragma once

#include <lensbench/error.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/runner.hpp"

namespace lensbench::testing {

/// Keeps everything in memory.
class MemorySink final : public ResultSink {
 public:
  std::vector<std::int64_t> done(std::int64_t pass) const override {
    return pass == 0 ? done_before : std::vector<std::int64_t>();
  }
  void commit(std::int64_t index, std::int64_t, const std::map<std::string, Dataset>& saved,
              const CaseCosts& cost) override {
    for (const auto& [name, dataset] : saved) committed[index][name] = dataset;
    costs[index] = cost;
    if (++unsafe >= safe_after) unsafe = 0;
  }
  bool is_safe() const override { return unsafe == 0; }
  void make_safe() override {
    if (make_safe_fails) throw RunError("the disk is full");
    unsafe = 0;
  }
  void commit_failure(std::int64_t index, std::int64_t, const std::string& error,
                      const CaseCosts&) override {
    failures[index] = error;
  }
  void commit_state(std::int64_t index, std::int64_t, const std::string& key,
                    const Dataset& state) override {
    states[{index, key}] = state;
  }
  std::optional<Dataset> state(std::int64_t index, std::int64_t,
                               const std::string& key) const override {
    const auto found = states.find({index, key});
    return found == states.end() ? std::nullopt : std::optional(found->second);
  }
  void note(std::int64_t index, const std::string& tool) override {
    notes.push_back(std::to_string(index) + " " + tool);
  }
  Dataset read(std::int64_t index, const std::string& name) const override {
    ++reads[{index, name}];
    return committed.at(index).at(name);
  }
  std::vector<std::string> names(std::int64_t index) const override {
    std::vector<std::string> list;
    if (const auto found = committed.find(index); found != committed.end())
      for (const auto& [name, dataset] : found->second) list.push_back(name);
    return list;
  }

  int safe_after = 1;  ///< cases become safe in groups of this number
  int unsafe = 0;      ///< cases that are not safe
  bool make_safe_fails = false;
  std::vector<std::int64_t> done_before;
  std::map<std::int64_t, std::map<std::string, Dataset>> committed;
  std::map<std::int64_t, std::string> failures;
  std::map<std::int64_t, CaseCosts> costs;
  std::map<std::pair<std::int64_t, std::string>, Dataset> states;
  std::vector<std::string> notes;
  mutable std::map<std::pair<std::int64_t, std::string>, int> reads;  ///< number of reads
};

}  // namespace lensbench::testing
