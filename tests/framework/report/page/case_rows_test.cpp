// Rows of cases along an axis of an archive that is too long to be read at once.
#include "report/page/case_rows.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lensbench {
namespace {

using page::RowsOfCases;
using ::testing::ElementsAre;
using ::testing::Pair;

/// A variable along an axis; `counts` receives the number of rows of each read.
StoredVariable along(const std::string& name, const std::string& dim, const at::Tensor& values,
                     std::vector<std::int64_t>* counts) {
  StoredVariable variable;
  variable.facts.name = name;
  variable.facts.dims = {dim};
  variable.shape = {values.numel()};
  variable.type = values.scalar_type();
  variable.rows = [values, counts](const std::vector<std::int64_t>& index, std::int64_t first,
                                   std::int64_t count) {
    EXPECT_TRUE(index.empty());
    counts->push_back(count);
    return values.narrow(0, first, count);
  };
  return variable;
}

TEST(CaseRows, AreFoundAlongAnAxisThatIsReadInParts) {
  StoredDataset dataset;
  std::vector<std::int64_t> counts;
  dataset.variables.push_back(
      along("case", "token",
            at::cat({at::full({300'000}, 4, at::kInt), at::full({9}, 2, at::kInt)}), &counts));
  const RowsOfCases rows = page::rows_of_cases(dataset, "token");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows.at(4).first, 0);
  EXPECT_EQ(rows.at(4).count, 300'000);
  EXPECT_EQ(rows.at(2).first, 300'000);
  EXPECT_EQ(rows.at(2).count, 9);
  EXPECT_GT(counts.size(), 1U);
  EXPECT_LE(*std::max_element(counts.begin(), counts.end()), 1 << 18);
}

TEST(CaseRows, GiveTheValuesOfEachCaseAndReadManyCasesAtOnce) {
  std::vector<std::int64_t> counts;
  const StoredVariable variable =
      along("surprisal", "token", at::arange(700'000, at::kFloat), &counts);
  // Rows before the first case and between two cases belong to none.
  const RowsOfCases rows = {{1, {500'010, 190'000}},
                            {7, {10, 100'000}},
                            {3, {100'010, 100'000}},
                            {9, {200'010, 300'000}}};
  std::vector<std::pair<std::int64_t, std::pair<double, double>>> ends;
  page::for_values_of_cases(variable, {}, rows,
                            [&](std::int64_t number, std::span<const double> values) {
                              EXPECT_EQ(std::ssize(values), rows.at(number).count);
                              ends.emplace_back(number, std::pair(values.front(), values.back()));
                            });
  EXPECT_THAT(ends, ElementsAre(Pair(7, Pair(10, 100'009)), Pair(3, Pair(100'010, 200'009)),
                                Pair(9, Pair(200'010, 500'009)), Pair(1, Pair(500'010, 690'009))));
  // The first two cases have fewer rows than a block, the third alone has more.
  EXPECT_THAT(counts, ElementsAre(200'000, 300'000, 190'000));
}

TEST(CaseRows, AreNotReadForNoCase) {
  std::vector<std::int64_t> counts;
  const StoredVariable variable = along("surprisal", "token", at::arange(3, at::kFloat), &counts);
  page::for_values_of_cases(variable, {}, {}, [](auto, auto) { ADD_FAILURE() << "no case"; });
  EXPECT_TRUE(counts.empty());
}

}  // namespace
}  // namespace lensbench
