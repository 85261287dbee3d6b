// tests/parity/probe.py: scikit-learn, and the sparse probes of TransformerLens, on the same rows.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

#include <lensbench/tensor_file.hpp>

#include "common/folds.hpp"
#include "probe/linear_probe.hpp"
#include "probe/scores.hpp"
#include "probe_fixture.hpp"

namespace lensbench::probing {
namespace {

constexpr std::int64_t kFolds = 3;

class References : public ::testing::TestWithParam<std::string> {
 protected:
  References() : file_(testing::data_folder() + "/probe/reference.safetensors") {
    rows_ = file_.read(GetParam() + ".rows").to(at::kDouble);
    labels_ = file_.read(GetParam() + ".labels").to(at::kLong);
    classes_ = labels_.max().item<std::int64_t>() + 1;
  }
  at::Tensor part(std::int64_t fold, bool inside) const {
    const at::Tensor fold_of = at::arange(labels_.size(0), at::kLong).remainder(kFolds);
    return (inside ? fold_of.eq(fold) : fold_of.ne(fold)).nonzero().squeeze(1);
  }
  LinearProbe fitted(Kind kind, std::int64_t fold, std::int64_t most_dense = 4096) const {
    const at::Tensor train = part(fold, false);
    return TrainingRows(rows_.index_select(0, train), labels_.index_select(0, train), classes_,
                        {.kind = kind, .most_dense = most_dense})
        .fit(file_.read("lambda")[0].item<double>());
  }
  /// Coefficients and intercept of every label, of two of the second alone; centred over labels,
  /// to which all scores are relative.
  at::Tensor coefficients(const LinearProbe& probe) const {
    const at::Tensor all = at::cat({probe.weights, probe.intercepts.unsqueeze(1)}, 1);
    return classes_ == 2 ? all.narrow(0, 1, 1) : all - all.mean(0);
  }
  void expect_coefficients(const std::string& kind, std::int64_t fold, const LinearProbe& probe) {
    at::Tensor wanted = file_.read(GetParam() + "." + kind + "." + std::to_string(fold));
    if (classes_ > 2) wanted = wanted - wanted.mean(0);
    EXPECT_LT((coefficients(probe) - wanted).abs().max().item<double>(), 1e-5) << kind << fold;
  }

  TensorFile file_;
  at::Tensor rows_, labels_;
  std::int64_t classes_ = 0;
};

TEST_P(References, HaveTheCoefficientsOfEveryKind) {
  for (std::int64_t fold = 0; fold < kFolds; ++fold) {
    expect_coefficients("logistic", fold, fitted(Kind::logistic, fold));
    expect_coefficients("ridge", fold, fitted(Kind::ridge, fold));
    expect_coefficients("mass_mean", fold, fitted(Kind::mass_mean, fold));
  }
}

TEST_P(References, HaveTheSameCoefficientsWithoutAMatrixOfCurvature) {
  expect_coefficients("logistic", 0, fitted(Kind::logistic, 0, 1));
}

TEST_P(References, HaveTheMetricsOfHeldOutRows) {
  for (std::int64_t fold = 0; fold < kFolds; ++fold) {
    const at::Tensor test = part(fold, true), own = labels_.index_select(0, test);
    const std::vector<std::int64_t> labels(own.data_ptr<std::int64_t>(),
                                           own.data_ptr<std::int64_t>() + own.size(0));
    const HeldOut held_out(fitted(Kind::logistic, fold).scores(rows_.index_select(0, test)), labels,
                           std::vector<std::int64_t>(labels.size(), 0), true);
    const auto all = held_out.all();
    const at::Tensor wanted = file_.read(GetParam() + ".metrics." + std::to_string(fold));
    EXPECT_NEAR(held_out.accuracy(all), wanted[0].item<double>(), 1e-12);
    EXPECT_NEAR(held_out.balanced_accuracy(all), wanted[1].item<double>(), 1e-12);
    EXPECT_NEAR(held_out.auroc(all), wanted[2].item<double>(), 1e-12);
    EXPECT_NEAR(held_out.log_loss(all), wanted[3].item<double>(), 1e-6);
  }
}

TEST_P(References, HaveTheShrinkageOfTheCovariance) {
  const at::Tensor centred = rows_ - class_means(rows_, labels_, classes_).index_select(0, labels_);
  EXPECT_NEAR(ledoit_wolf(centred).shrinkage,
              file_.read(GetParam() + ".shrinkage")[0].item<double>(), 1e-10);
}

INSTANTIATE_TEST_SUITE_P(Rows, References, ::testing::Values("two", "three", "wide"),
                         [](const auto& test) { return test.param; });

TEST(SparseProbe, IsThatOfTransformerLensOnTheSameSplit) {
  const TensorFile file(testing::data_folder() + "/probe/reference.safetensors");
  const at::Tensor rows = file.read("two.rows").to(at::kDouble);
  const at::Tensor labels = file.read("two.labels").to(at::kLong);
  const at::Tensor train = file.read("sparse.train").to(at::kLong);
  const at::Tensor test = file.read("sparse.test").to(at::kLong);
  const at::Tensor selected = file.read("sparse.selected").to(at::kLong);
  const LinearProbe probe = TrainingRows(rows.index_select(0, train), labels.index_select(0, train),
                                         2, {.kind = Kind::sparse, .sparse_k = 4})
                                .fit(file.read("sparse.lambda")[0].item<double>());
  EXPECT_TRUE(probe.weights[1].nonzero().squeeze(1).equal(selected));
  EXPECT_LT((probe.weights[1].index_select(0, selected) - file.read("sparse.weights"))
                .abs()
                .max()
                .item<double>(),
            1e-5);
  EXPECT_NEAR(probe.intercepts[1].item<double>(), file.read("sparse.intercept")[0].item<double>(),
              1e-5);
  const at::Tensor own = labels.index_select(0, test);
  const HeldOut held_out(probe.scores(rows.index_select(0, test)),
                         {own.data_ptr<std::int64_t>(), own.data_ptr<std::int64_t>() + own.size(0)},
                         std::vector<std::int64_t>(static_cast<std::size_t>(own.size(0)), 0), true);
  EXPECT_NEAR(held_out.accuracy(held_out.all()), file.read("sparse.metrics")[0].item<double>(),
              1e-12);
  EXPECT_NEAR(held_out.auroc(held_out.all()), file.read("sparse.metrics")[1].item<double>(), 1e-12);
}

}  // namespace
}  // namespace lensbench::probing
