// What the tool refuses, records and checks.
#include <gmock/gmock.h>

#include <cmath>
#include <lensbench/error.hpp>

#include "path_fixture.hpp"
#include "path_patching/paths.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"

namespace lensbench::paths {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

class Requests : public ::testing::Test {
 protected:
  static Dataset run(PathBench& bench, const Settings& settings,
                     const std::vector<std::int64_t>& corrupted = kCorrupted) {
    Request request(bench.tokens, bench.tool.parameters(settings));
    request.set_corrupted(bench.tokens_of(corrupted));
    bench.tool.check_parameters(request.parameters());
    return bench.tool.run(request);
  }
  static std::string fault(PathBench& bench, const Settings& settings,
                           const std::vector<std::int64_t>& corrupted = kCorrupted) {
    return message_of<UsageError>([&] { run(bench, settings, corrupted); });
  }
  PathBench gpt2_{random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), kClean};
  PathBench llama_{random_model(small_llama_spec(), 6, at::kFloat, 0.3), kClean};
};

TEST_F(Requests, NamesThatDoNotExistAreRefused) {
  EXPECT_THAT(fault(gpt2_, {{"senders", "head"}}), HasSubstr("unknown sender 'head'; give heads"));
  EXPECT_THAT(fault(gpt2_, {{"senders", "L3H0"}}),
              HasSubstr("'L3H0' does not exist in this model (found block 3, expected 0 to 2)"));
  EXPECT_THAT(fault(gpt2_, {{"senders", "L0H3"}}), HasSubstr("found head 3, expected 0 to 2"));
  EXPECT_THAT(fault(gpt2_, {{"senders", "99999999999999999999_mlp_out"}}),
              HasSubstr("expected 0 to 2"));
  EXPECT_THAT(fault(gpt2_, {{"receivers", "L1H0"}}),
              HasSubstr("unknown receiver 'L1H0'; give logits"));
  EXPECT_THAT(fault(gpt2_, {{"receivers", "5_mlp_in"}}), HasSubstr("found block 5"));
  EXPECT_THAT(fault(gpt2_, {{"senders", "none"}}), HasSubstr("by commas, at least one"));
  EXPECT_THAT(fault(gpt2_, {{"receivers", "none"}}), HasSubstr("by commas, at least one"));
  EXPECT_THAT(fault(gpt2_, {{"senders", "L2H0"}, {"receivers", "L2.q,L1.k"}}),
              HasSubstr("none of the receivers reads what a sender writes"));
}

// The key-value head 1 of a model with grouped heads is not that of head 1.
TEST_F(Requests, SharedKeysAreNamedByTheirOwnHead) {
  EXPECT_THAT(fault(llama_, {{"receivers", "L1H1.k"}}),
              HasSubstr("name the head of keys and values, such as L0KV0.k"));
  EXPECT_THAT(fault(llama_, {{"receivers", "L1KV2.v"}}),
              HasSubstr("found head 2, expected 0 to 1"));
  EXPECT_THAT(fault(llama_, {{"receivers", "L1KV0.q"}}), HasSubstr("give a name such as L0H0.q"));
  EXPECT_THAT(fault(gpt2_, {{"receivers", "L1KV0.k"}}), HasSubstr("give a name such as L0H0.k"));
  const Dataset result = run(llama_, {{"receivers", "q,k"}});
  EXPECT_EQ(result["receiver"].strings.size(), 3u * (4 + 2));
  EXPECT_EQ(result["receiver"].strings.back(), "L2KV1.k");
}

TEST_F(Requests, HeadsThatANormFollowsAreRefused) {
  TransformerSpec spec = small_llama_spec();
  spec.family = "olmo2";
  spec.norm_placement = NormPlacement::after_sublayer;
  PathBench bench(random_model(spec, 6, at::kFloat, 0.3), kClean);
  for (const char* sender : {"heads", "L0H1"}) {
    EXPECT_THAT(fault(bench, {{"senders", sender}}), HasSubstr("'olmo2' normalises"));
    EXPECT_THAT(fault(bench, {{"senders", sender}}), HasSubstr("; give attentions"));
  }
  expect_receipts_hold(run(bench, {{"senders", "attentions,mlps,embed"}, {"receivers", "all"}}));
}

TEST_F(Requests, PromptsThatCannotBeComparedAreRefused) {
  EXPECT_THAT(fault(gpt2_, {}, {3, 17}), HasSubstr("has 6 tokens, the corrupted one 2"));
  EXPECT_THAT(fault(gpt2_, {}, kClean), HasSubstr("equal token for token"));
  EXPECT_THAT(fault(gpt2_, {{"metric", "logit_difference"}}), HasSubstr("set versus"));
  EXPECT_THAT(fault(gpt2_, {{"position", "6"}}), HasSubstr("position 6 is outside"));
}

// A path from a run to itself changes nothing, in every bit.
TEST_F(Requests, PathsFromTheBaseRunItselfChangeNothing) {
  for (PathBench* bench : {&gpt2_, &llama_})
    for (const bool mlps : {false, true}) {
      PathPatchingOptions options;
      options.recompute_mlps = mlps;
      const auto& spec = bench->model->spec();
      const auto senders = parse_senders(spec, {"embed", "heads", "mlps", "attentions"});
      const auto receivers = parse_receivers(spec, {"all"});
      const RunPair pair(*bench->model, bench->tokens, bench->tokens);
      const MetricReader reader("test", *bench->model, bench->tokens, pair.base().last,
                                Target::token(6), {});
      const PathSweep sweep = sweep_paths(
          {bench->context, pair, senders, receivers, options, reader.rows(), reader.position()});
      const at::Tensor found = sweep.metrics.masked_select(sweep.metrics.isnan().logical_not());
      EXPECT_GT(found.numel(), 0);
      EXPECT_TRUE(found.eq(sweep.base_metric).all().item<bool>());
      const auto row = pair.base().last.narrow(0, reader.position(), 1);
      EXPECT_EQ(sweep.base_metric, reader(row).item<double>());
    }
}

// Nothing that differs reaches position 0: results that show nothing must say so.
TEST_F(Requests, MetricThatNothingCanReachFailsItsReceipt) {
  const Dataset result = run(gpt2_, {{"position", "0"}, {"target", "6"}});
  EXPECT_FALSE(receipt_of(result, "no_write_was_without_effect").passed);
  EXPECT_TRUE(result["recovery"].tensor.isnan().all().item<bool>());
  EXPECT_TRUE(result["effect"].tensor.eq(0).all().item<bool>());
}

TEST_F(Requests, EveryMetricHasItsUnit) {
  for (const char* metric : {"logit", "log_probability", "probability", "kl"}) {
    const Dataset result = run(gpt2_, {{"metric", metric}, {"min_gap", "0"}});
    EXPECT_EQ(result["effect"].units, units_of(parse_metric(metric)));
    EXPECT_EQ(result["frozen_norm_effect"].units, "1");
    expect_receipts_hold(result);
  }
}

TEST_F(Requests, RecordsItsOptionsAndItsSchemaHolds) {
  for (const char* by_position : {"false", "true"}) {
    const Dataset result =
        run(gpt2_, {{"by_position", by_position}, {"receivers", "heads,logits"}});
    for (const ParameterSpec& parameter : PathPatchingTool::kParameters) {
      const std::string name = parameter.name;  // the second prompt is source_token
      EXPECT_TRUE(name.starts_with("corrupted") || result.attributes.contains(name)) << name;
    }
    for (const char* name :
         {"definition", "base_run", "source_run", "sign", "rule", "samples", "seed_stream"})
      EXPECT_TRUE(result.attributes.contains(name)) << name;
    EXPECT_EQ(schema_problem({std::begin(kPathTable), std::end(kPathTable)}, result), "");
    EXPECT_TRUE(result.contains("differs"));
    EXPECT_EQ(result["source_token"].strings.size(), 6u);
  }
  const Dataset result = run(gpt2_, {});
  EXPECT_EQ(std::get<std::string>(result.attributes.at("base_run")), "clean");
  EXPECT_EQ(std::get<std::string>(result.attributes.at("source_run")), "corrupted");
}

TEST_F(Requests, MemoryIsBoundedByTheNumberOfCells) {
  const auto estimate = [&](const Settings& settings) {
    Request request(gpt2_.tokens, gpt2_.tool.parameters(settings));
    request.set_corrupted(gpt2_.tokens_of(kCorrupted));
    return gpt2_.tool.estimate(request);
  };
  EXPECT_LT(*estimate({{"receivers", "all"}, {"most_cells", "3"}}).bytes,
            *estimate({{"receivers", "all"}}).bytes);
  EXPECT_LT(*estimate({}).flops, *estimate({{"receivers", "all"}}).flops);
  EXPECT_LT(*estimate({}).flops, *estimate({{"mlps", "recomputed"}}).flops);
  EXPECT_EQ(*estimate({}).items, 3 * 3 + 3);
  // A forward whose inputs differ by head has a copy of the stream for each.
  const TransformerSpec large = gpt2_small_spec();
  EXPECT_LT(cells_in_forward(large, 64, parse_receivers(large, {"q"}), 256), 64);
  EXPECT_EQ(cells_in_forward(large, 64, parse_receivers(large, {"logits"}), 256), 256);
}

}  // namespace
}  // namespace lensbench::paths
