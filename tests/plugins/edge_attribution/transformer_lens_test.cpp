// Edge attribution and circuits of TransformerLens 4.3.0 in float64, as
// tests/parity/edge_attribution_reference.py writes them.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include "checkpoint/weights/safetensors.hpp"
#include "edge_attribution/graph.hpp"
#include "edge_fixture.hpp"
#include "support/folders.hpp"

namespace lensbench::edges {
namespace {

// The model runs in float32 here, for logits of size about 1.
constexpr double kFloat32 = 2e-5;

class TransformerLensEdges : public ::testing::Test {
 protected:
  EdgeAttributionOptions options(const char* method) const {
    EdgeAttributionOptions options{.method = method, .proportions = {}, .min_gap = 0.0};
    options.metric.versus = Target::token(9);
    return options;
  }
  /// Matrix [..., reader, sender] as [..., edge].
  at::Tensor of_edges(const at::Tensor& matrix) const {
    std::vector<std::int64_t> places;
    for (const Graph::Edge& edge : graph_.edges)
      places.push_back(edge.reader * graph_.n_senders() + edge.sender);
    return matrix.flatten(-2).index_select(-1, at::tensor(places));
  }
  SafetensorsFile reference_{testing::data_folder() + "/edge_attribution/gpt2.safetensors"};
  EdgeBench bench_{Model::open(testing::data_folder() + "/layer_attribution/gpt2"), kClean};
  Tokens corrupted_ = bench_.tokens_of(kCorrupted);
  Graph graph_ = graph_of(bench_.model->spec());
};

// TransformerLens takes the gradient at the corrupted run and points toward the clean one.
TEST_F(TransformerLensEdges, HaveTheSameScores) {
  EXPECT_EQ(std::ssize(graph_.edges), reference_.tensor("edges").item<std::int64_t>());
  const Dataset result =
      bench_.tool.attribute_edges(corrupted_, bench_.tokens, Target::token(6), options("eap"));
  const at::Tensor theirs = of_edges(reference_.tensor("scores"));
  EXPECT_GT(theirs.abs().max().item<double>(), 100 * kFloat32);
  EXPECT_LE((result["edge_score"].tensor - theirs).abs().max().item<double>(), kFloat32);
  expect_receipts_hold(result);
}

TEST_F(TransformerLensEdges, LeaveNodesWithTheSameScores) {
  const Dataset result =
      bench_.tool.attribute_edges(corrupted_, bench_.tokens, Target::token(6), options("eap"));
  const at::Tensor theirs = reference_.tensor("nodes");
  EXPECT_GT(theirs.abs().max().item<double>(), 100 * kFloat32);
  EXPECT_LE((result["node_score"].tensor - theirs).abs().max().item<double>(), kFloat32);
}

TEST_F(TransformerLensEdges, CircuitsRecoverTheSameShareOfTheGap) {
  const at::Tensor circuits = of_edges(reference_.tensor("circuits")).to(at::kBool);
  const CircuitMetrics found = bench_.tool.run_circuits(bench_.tokens, corrupted_, Target::token(6),
                                                        circuits, options("eap"));
  EXPECT_NEAR(found.all, reference_.tensor("ends")[0].item<double>(), kFloat32);
  EXPECT_NEAR(found.none, reference_.tensor("ends")[1].item<double>(), kFloat32);
  const double gap = found.all - found.none;
  ASSERT_EQ(std::ssize(found.metrics), reference_.tensor("recovered").size(0));
  for (std::size_t i = 0; i < found.metrics.size(); ++i)
    EXPECT_NEAR((found.metrics[i] - found.none) / gap,
                reference_.tensor("recovered")[static_cast<std::int64_t>(i)].item<double>(),
                kFloat32 / std::abs(gap))
        << i;
}

}  // namespace
}  // namespace lensbench::edges
