#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/runner.hpp"

namespace lensbench::testing {

/// Keeps everything in memory.
class MemorySink final : public ResultSink {
 public:
  std::vector<std::int64_t> done() const override { return done_before; }
  void commit(std::int64_t index, const std::map<std::string, Dataset>& saved,
              const CaseCosts& cost) override {
    committed[index] = saved;
    costs[index] = cost;
  }
  void commit_failure(std::int64_t index, const std::string& error, const CaseCosts&) override {
    failures[index] = error;
  }
  Dataset read(std::int64_t index, const std::string& name) const override {
    return committed.at(index).at(name);
  }
  std::vector<std::string> names(std::int64_t index) const override {
    std::vector<std::string> list;
    if (const auto found = committed.find(index); found != committed.end())
      for (const auto& [name, dataset] : found->second) list.push_back(name);
    return list;
  }

  std::vector<std::int64_t> done_before;
  std::map<std::int64_t, std::map<std::string, Dataset>> committed;
  std::map<std::int64_t, std::string> failures;
  std::map<std::int64_t, CaseCosts> costs;
};

}  // namespace lensbench::testing
