// Exchanges on given bases of TransformerLens 4.3.0 in float64, as
// tests/parity/interchange_reference.py writes them.
#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>

#include <map>

#include "checkpoint/weights/safetensors.hpp"
#include "interchange/bases.hpp"
#include "interchange/place_rows.hpp"
#include "interchange/plan.hpp"
#include "interchange/runs.hpp"
#include "interchange_fixture.hpp"

namespace lensbench::interchange {
namespace {

// Models run in float32 here, for logits of size up to 5.
constexpr double kFloat32 = 5e-5;

std::vector<std::int64_t> numbers_of(const at::Tensor& ids) {
  return {ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel()};
}

class TransformerLensExchanges : public ::testing::TestWithParam<const char*> {
 protected:
  TransformerLensExchanges() {
    const at::Tensor base = reference_.tensor("base"), source = reference_.tensor("source");
    for (std::int64_t i = 0; i < base.size(0); ++i) {
      pairs_.push_back(bench_.pair(numbers_of(base[i].contiguous()),
                                   numbers_of(source[i].contiguous()),
                                   reference_.tensor("expected")[i].item<std::int64_t>(), i > 2));
      all_.push_back(i);
    }
    options_.basis = {"random"};
    options_.controls = {"random_basis"};
  }
  InterchangePlan plan() const { return make_plan(*bench_.model, {pairs_}, options_, 1); }
  at::Tensor expected(const char* name) const { return reference_.tensor(name).to(at::kDouble); }
  /// Logits [pair, vocab] after a change of the rows of all bases.
  at::Tensor logits(const Place& place, const RowChange& change) const {
    return BaseRuns(*bench_.model, bases_of(plan(), all_), place).logits({change});
  }
  at::Tensor sources(const Place& place) const {
    const InterchangePlan own = plan();
    return RowReader(*bench_.model, own).rows(place, [] {}).source;
  }

  const std::string data_ = testing::data_folder();
  SafetensorsFile reference_{data_ + "/interchange/" + GetParam() + ".safetensors"};
  InterchangeBench bench_{Model::open(data_ + "/layer_attribution/" + GetParam())};
  std::vector<InterchangePair> pairs_;
  std::vector<std::int64_t> all_;
  InterchangeOptions options_;
};

TEST_P(TransformerLensExchanges, GiveTheSameLogitsInEveryBlockAndAtBothStrengths) {
  const at::Tensor basis = expected("basis"), theirs = expected("logits");
  for (std::int64_t block = 0; block < plan().n_places(); ++block) {
    const Place place = plan().place(block);
    const at::Tensor source = sources(place);
    for (const std::int64_t strength : {0, 1})
      expect_near(logits(place,
                         [&](const at::Tensor& h) {
                           return exchanged(h, source, basis, strength == 0 ? 1.0 : 0.5);
                         }),
                  theirs[block][strength], kFloat32);
  }
}

TEST_P(TransformerLensExchanges, HaveTheSamePlacebo) {
  const at::Tensor basis = expected("basis"), elsewhere = expected("elsewhere");
  for (std::int64_t block = 0; block < plan().n_places(); ++block) {
    const Place place = plan().place(block);
    const at::Tensor source = sources(place);
    expect_near(
        logits(place,
               [&](const at::Tensor& h) { return moved_as_far(h, source, basis, elsewhere, 1); }),
        expected("placebo")[block], kFloat32);
  }
}

TEST_P(TransformerLensExchanges, SpanTheSameDifferenceOfMeans) {
  const std::vector<std::int64_t> values = numbers_of(reference_.tensor("value"));
  for (std::int64_t block = 0; block < plan().n_places(); ++block) {
    const at::Tensor ours = mean_difference(sources(plan().place(block)), values, 1, "here");
    const at::Tensor theirs = expected("mean_difference")[block].unsqueeze(1);
    // The sides of singular vectors differ.
    expect_near(at::matmul(ours, ours.t()), at::matmul(theirs, theirs.t()), kFloat32);
  }
}

TEST_P(TransformerLensExchanges, OfTheToolHaveTheSameMargins) {
  const testing::TempDir folder;
  options_.probe = folder / "basis.safetensors";
  write_safetensors(options_.probe, std::map<std::string, at::Tensor>{
                                        {"direction", expected("basis").t().contiguous()}});
  options_.basis = {"probe"};
  options_.rank = expected("basis").size(1);
  const Dataset found = bench_.tool.exchange(pairs_, options_);
  for (std::int64_t block = 0; block < plan().n_places(); ++block) {
    // The last three pairs are the test.
    const at::Tensor theirs = expected("logits")[block][0].narrow(0, 3, 3);
    const at::Tensor token = reference_.tensor("expected").narrow(0, 3, 3).unsqueeze(1);
    const at::Tensor others = theirs.scatter(1, token, -1e9).amax(1);
    const double margin = (theirs.gather(1, token).squeeze(1) - others).mean().item<double>();
    EXPECT_NEAR(value_at(found, "margin", {block, 0, 0}), margin, kFloat32) << block;
  }
  testing::expect_receipts_hold(found, 8);
}

INSTANTIATE_TEST_SUITE_P(Families, TransformerLensExchanges, ::testing::Values("gpt2", "llama"),
                         [](const auto& param_info) { return std::string(param_info.param); });

}  // namespace
}  // namespace lensbench::interchange
