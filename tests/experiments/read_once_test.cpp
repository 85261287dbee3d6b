#include "common/read_once.hpp"

#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "experiments/handmade_summary.hpp"

// The results of all cases, of which none is read twice.

namespace lensbench {
namespace {

/// Counts the reads of the results of two cases, which saved `result`.
class CountedSummary final : public Summary {
 public:
  const std::vector<std::int64_t>& cases() const override { return inner_.cases(); }
  Dataset dataset(std::int64_t number, const std::string& name) const override {
    ++reads;
    return inner_.dataset(number, name);
  }
  void save(const std::string& name, Dataset dataset) override {
    inner_.save(name, std::move(dataset));
  }
  const CaseInput& input(std::int64_t number) const override { return inner_.input(number); }
  const Parameters& parameters() const override { return inner_.parameters(); }
  std::uint64_t seed() const override { return inner_.seed(); }

  mutable int reads = 0;

 private:
  testing::HandmadeSummary inner_{"result", std::vector<Dataset>(2)};
};

TEST(ReadOnce, ReadsEachDatasetOnce) {
  const CountedSummary cases;
  const common::ReadOnce once(cases);
  for (int variable = 0; variable < 3; ++variable)
    once.for_each("result", [](std::int64_t, const Dataset&) {});
  EXPECT_EQ(cases.reads, 2);
}

TEST(ReadOnce, RefusesWhatTheResultsRefuse) {
  const CountedSummary cases;
  const common::ReadOnce once(cases);
  for (int attempt = 0; attempt < 2; ++attempt)
    EXPECT_THROW(once.dataset(0, "another"), UsageError);
}

TEST(ReadOnce, IsNotAPlaceToSave) {
  const CountedSummary cases;
  common::ReadOnce once(cases);
  EXPECT_THROW(once.save("table", {}), UsageError);
}

}  // namespace
}  // namespace lensbench
