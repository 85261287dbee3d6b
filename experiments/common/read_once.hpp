#pragma once

// Reads of the results of all cases: each costs a read of a file, so none is repeated for every
// variable, and none for every case.

#include <cstdint>
#include <lensbench/error.hpp>
#include <lensbench/experiment.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace common {

/// The results of all cases, each of which is read once and kept. For statistics over several
/// variables of small datasets; `Summary::for_each` keeps one dataset at a time.
class ReadOnce final : public lensbench::Summary {
 public:
  /// \param cases  must outlive this object
  explicit ReadOnce(const lensbench::Summary& cases) : cases_(cases) {}

  const std::vector<std::int64_t>& cases() const override { return cases_.cases(); }
  const lensbench::CaseInput& input(std::int64_t number) const override {
    return cases_.input(number);
  }
  lensbench::Dataset dataset(std::int64_t number, const std::string& name) const override {
    const std::pair key(number, name);
    const auto known = read_.find(key);
    if (known != read_.end()) return known->second;
    return read_.emplace(key, cases_.dataset(number, name)).first->second;
  }
  void save(const std::string& name, lensbench::Dataset) override {
    throw lensbench::UsageError("dataset '" + name +
                                "': it was saved through a view for reading; save it with the "
                                "summary itself");
  }
  const lensbench::Parameters& parameters() const override { return cases_.parameters(); }
  std::uint64_t seed() const override { return cases_.seed(); }

 private:
  const lensbench::Summary& cases_;
  mutable std::map<std::pair<std::int64_t, std::string>, lensbench::Dataset> read_;
};

/// What the results of the passes before say, which is the same for every case of a pass and is
/// therefore computed in its first one. An object belongs to one run.
template <class Value>
class OncePerPass {
 public:
  /// \param compute  makes the value from a `ReadOnce` of the earlier results
  template <class Compute>
  const Value& of(const lensbench::Case& c, Compute&& compute) {
    if (!value_ || pass_ != c.pass()) {
      value_ = compute(ReadOnce(c.earlier()));
      pass_ = c.pass();
    }
    return *value_;
  }

 private:
  std::int64_t pass_ = 0;
  std::optional<Value> value_;
};

}  // namespace common
