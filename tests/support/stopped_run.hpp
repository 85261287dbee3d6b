#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "bench/run_services.hpp"

namespace lensbench::testing {

/// A run that the user stops after some steps, and whose states survive.
class StoppedRun : public RunServices {
 public:
  explicit StoppedRun(std::int64_t steps) : steps_(steps) {}
  void progress(std::int64_t done, std::int64_t) override { done_ = done; }
  bool cancelled() const override { return done_ >= steps_; }
  void commit(const std::string& key, const Dataset& state) override { states[key] = state; }
  std::optional<Dataset> committed(const std::string& key) const override {
    const auto found = states.find(key);
    return found == states.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<std::string, Dataset> states;

 private:
  std::int64_t steps_, done_ = 0;
};

}  // namespace lensbench::testing
