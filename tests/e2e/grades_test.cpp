// What the shipped tools are graded on models that are planted now: floors that a change must not
// fall below, and the rows that docs/grades.md has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "support/folders.hpp"
#include "support/process.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using testing::lensbench;

// The figures of correct tools (docs/grading.md), with room for ties in float32. Noising cannot see
// the heads of an OR of which either is enough: the kind `boolean` takes 0.02 off its AUROC.
TEST(Grades, OfTheShippedToolsReachTheirFloors) {
  std::vector<std::string> command = {"grade", "all", "--quick", "--json"};
  for (const char* floor :
       {"effect.noise:auroc=0.96", "effect.noise:error=0.01", "effect.denoise:error=0.01",
        "effect.zero:error=0.01", "effect.mean:error=0.01", "effect.dla:error=0.001",
        "effect.dla:r_direct=0.97", "readout.probability:largest=1e-4", "readout.rank:wrong=0",
        "readout.layer:layer_error=0", "attention.source:largest=1e-3", "presence:auroc=0.98",
        "presence:present=0.95", "feature.direction:mcc=0.95", "feature.direction:found=0.9",
        "feature.activation:mcc=0.9"}) {
    command.emplace_back("--floor");
    command.emplace_back(floor);
  }
  const auto graded = lensbench(command);
  EXPECT_EQ(graded.exit_code, 0) << graded.err;

  // A tool or claim that the stored table lacks, or has no longer, is found here; its numbers are
  // compared by scripts/grades --check.
  const std::string stored = testing::slurp(testing::source_folder() + "/docs/grades.md");
  std::istringstream lines(graded.out);
  std::set<std::string> rows;
  for (std::string line; std::getline(lines, line);) {
    const json row = json::parse(line);
    if (row["status"] == "scored")
      rows.insert(row["tool"].get<std::string>() + " " + row["claim"].get<std::string>());
  }
  EXPECT_GT(rows.size(), 5U);
  for (const std::string& row : rows)
    EXPECT_NE(stored.find("\n" + row + " "), std::string::npos)
        << row << " is not in docs/grades.md; run scripts/grades";
}

// A model with edges in its truth, as a stranger's may have: scores by exchanging each edge alone
// are the truth, and their circuits keep the metric long before all edges are in.
TEST(Grades, OfAStoredModelIncludeItsEdgesAndTheirCircuits) {
  std::vector<std::string> command = {
      "grade", "edge_attribution", "--quick",  "--json",
      "--set", "method=exact",     "--models", testing::source_folder() + "/models/siit-3"};
  for (const char* floor : {"edge.noise:auroc=0.98", "edge.noise:r=0.99", "edge.noise:error=0.02",
                            "edge.noise:cpr=0.91", "edge.noise:cmd=0.09"}) {
    command.emplace_back("--floor");
    command.emplace_back(floor);
  }
  const auto graded = lensbench(command);
  EXPECT_EQ(graded.exit_code, 0) << graded.err;
}

// Models that are planted now have edges on demand. Integrated gradients find those of the
// induction circuit, and random edges keep its metric only once nearly all are in.
TEST(Grades, OfModelsPlantedNowIncludeEdgesOnDemand) {
  const std::vector<std::string> command = {"grade",   "edge_attribution",
                                            "--quick", "--json",
                                            "--kinds", "induction",
                                            "--seeds", "1",
                                            "--floor", "edge.importance:auroc=0.9",
                                            "--floor", "edge.importance:cmd=0.3"};
  const auto without = lensbench(command);
  EXPECT_EQ(without.exit_code, 1);
  EXPECT_THAT(without.err, ::testing::HasSubstr("no graded tool has a score"));
  auto with = command;
  with.emplace_back("--edges");
  const auto graded = lensbench(with);
  EXPECT_EQ(graded.exit_code, 0) << graded.err;
  std::istringstream lines(graded.out);
  bool found = false;
  for (std::string line; std::getline(lines, line);) {
    const json row = json::parse(line);
    if (row["metric"] != "cmd") continue;
    found = true;
    EXPECT_GT(row["random_low"].get<double>(), 0.3);
    EXPECT_LT(row["value"].get<double>(), row["random_low"].get<double>());
  }
  EXPECT_TRUE(found);
}

TEST(Grades, OfModelsThatAreThereTakeTheirEdgesAsTheyAre) {
  const auto refused = lensbench({"grade", "edge_attribution", "--edges", "--models", "."});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, ::testing::HasSubstr("--edges"));
}

}  // namespace
}  // namespace lensbench
