// Scores of edges against edges that are known.
#include "edge_attribution/truth.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "edge_fixture.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::edges {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

// The true edge with 2 wins two of six pairs and draws one; that with 0 draws one.
TEST(EdgeAuroc, IsTheShareOfPairsThatTheTrueEdgesWin) {
  const std::vector<double> values = {2.0, 0.0, 1.0, 2.0, 0.0};
  EXPECT_DOUBLE_EQ(auroc(values, {true, true, false, false, false}), (2 + 0.5 + 0.5) / 6);
  EXPECT_DOUBLE_EQ(auroc(values, {true, false, false, true, false}), 1.0);
  EXPECT_DOUBLE_EQ(auroc({1.0, 1.0, 1.0}, {true, false, false}), 0.5);
}

class EdgeTruths : public ::testing::Test {
 protected:
  std::vector<bool> read(const std::string& text) {
    return read_truth(graph_, folder_.write("truth.jsonl", text));
  }
  std::string fault(const std::string& text) {
    return message_of<InputError>([&] { read(text); });
  }
  testing::TempDir folder_;
  EdgeBench bench_{random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), kClean};
  Graph graph_ = graph_of(bench_.model->spec());
};

constexpr const char* kOneEdge = R"({"source": "embed", "target": "L0H1", "slot": "v"})";

TEST_F(EdgeTruths, AreCountedByTheirNames) {
  const auto truth = read(std::string(kOneEdge) + "\n" +
                          R"({"source": "L0H1", "target": "logits", "slot": "in"})");
  EXPECT_EQ(std::count(truth.begin(), truth.end(), true), 2);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const GraphEdge names = names_of(graph_, graph_.edges[i]);
    EXPECT_EQ(truth[i], (names.source == "embed" && names.target == "L0H1" && names.slot == "v") ||
                            (names.source == "L0H1" && names.target == "logits"))
        << names.source << " " << names.target << " " << names.slot;
  }
}

TEST_F(EdgeTruths, NameTheLineThatIsNotAnEdge) {
  EXPECT_THAT(fault(std::string(kOneEdge) + "\n" + kOneEdge),
              HasSubstr("truth.jsonl:2: the edge from embed to L0H1.v is there twice"));
  EXPECT_THAT(fault(R"({"source": "L0H1", "target": "L0H0", "slot": "q"})"),
              HasSubstr("truth.jsonl:1: the model does not have an edge from L0H1 to L0H0.q"));
  EXPECT_THAT(fault(R"({"source": "embed", "target": "L0H1"})"),
              HasSubstr("truth.jsonl:1: field slot is not a text"));
  EXPECT_THAT(fault(R"({"source": "embed", "target": "L0H1", "slot": "v", "mean": 1})"),
              HasSubstr("has further fields"));
  EXPECT_THAT(fault(""), HasSubstr("is empty"));
}

TEST_F(EdgeTruths, AreComparedWithTheSizeOfTheScores) {
  const std::string file = folder_.write("truth.jsonl", kOneEdge);
  Request request(
      bench_.tokens,
      bench_.tool.parameters({{"truth", file}, {"method", "eap"}, {"proportions", "none"}}));
  request.set_corrupted(bench_.tokens_of(kCorrupted));
  const Dataset result = bench_.tool.run(request);
  const std::int64_t edge = edge_of(result, "embed", "L0H1.v");
  EXPECT_EQ(value_at(result, "in_truth", {edge}), 1);
  const double size = std::abs(value_at(result, "importance", {edge}));
  double wins = 0;
  const std::int64_t all = result.dim("edge");
  for (std::int64_t i = 0; i < all; ++i) {
    if (i == edge) continue;
    const double other = std::abs(value_at(result, "importance", {i}));
    wins += other < size ? 1 : other == size ? 0.5 : 0;
  }
  EXPECT_NEAR(value_at(result, "auroc"), wins / static_cast<double>(all - 1), 1e-12);
  EXPECT_EQ(std::get<std::string>(result.attributes.at("truth")), "truth.jsonl");
}

}  // namespace
}  // namespace lensbench::edges
