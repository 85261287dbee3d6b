#include "training.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

#include <cmath>
#include <lensbench/statistics.hpp>

#include "bottlenecks.hpp"
#include "common/results.hpp"

namespace training_dynamics {
namespace {

using namespace lensbench;

constexpr double kStall = 0.01;      // share of KL_0 below which a block stalls
constexpr double kBottleneck = 0.9;  // share of random samples that must agree

/// Values of a variable of every case, at its last token where it has tokens.
std::vector<at::Tensor> over_cases(const std::vector<Dataset>& cases, const std::string& name) {
  std::vector<at::Tensor> all;
  all.reserve(cases.size());
  for (const Dataset& one : cases)
    all.push_back(one[name].dims.back() == "token" ? one[name].tensor.select(-1, -1)
                                                   : one[name].tensor);
  return all;
}

/// Both rankings of the blocks of every checkpoint: increases of the loss, then shares of the fall
/// of the divergence, each [checkpoint, block].
class BlockNumbers {
 public:
  explicit BlockNumbers(const std::vector<Dataset>& cases) {
    for (const Dataset& one : cases) {
      increases_.push_back(one["loss_increase"].tensor.to(at::kDouble));
      divergences_.push_back(one["kl_final_to_layer"].tensor.to(at::kDouble).mean(-1));
    }
  }

  std::vector<double> operator()(const std::vector<std::size_t>& cases) const {
    at::Tensor increase = at::full(increases_.front().sizes(), 0.0, at::kDouble);
    at::Tensor divergence = at::full(divergences_.front().sizes(), 0.0, at::kDouble);
    for (const std::size_t i : cases) {
      increase += increases_[i];
      divergence += divergences_[i];
    }
    auto numbers = statistics::values_of(increase / static_cast<double>(cases.size()));
    for (const at::Tensor& kl : divergence.unbind(0)) {
      const auto shares = shares_of_fall(statistics::values_of(kl));
      numbers.insert(numbers.end(), shares.begin(), shares.end());
    }
    return numbers;
  }

 private:
  std::vector<at::Tensor> increases_, divergences_;  ///< [checkpoint, block], [checkpoint, layer]
};

std::string finding_of(const std::vector<double>& shares) {
  std::string blocks;
  for (std::size_t block = 0; block < shares.size(); ++block)
    if (shares[block] >= kBottleneck)
      blocks += (blocks.empty() ? "" : ", ") + std::to_string(block);
  if (shares.size() < 3) return "the model has no block between the first and the last";
  if (std::isnan(shares[1])) return "not determined by one case";
  return blocks.empty() ? "none between the first and the last block" : blocks;
}

/// Adds the share of draws in which each block is a bottleneck, and the blocks that are, for every
/// checkpoint.
void add_shares(Dataset& table, const statistics::Bootstrap& found, std::int64_t k,
                std::int64_t n) {
  std::vector<double> shares;
  std::vector<std::string> findings;
  for (std::int64_t checkpoint = 0; checkpoint < k; ++checkpoint) {
    const auto one = shares_among_first(found.draws.narrow(1, checkpoint * n, n),
                                        found.draws.narrow(1, (k + checkpoint) * n, n));
    shares.insert(shares.end(), one.begin(), one.end());
    findings.push_back(finding_of(one));
  }
  common::add_numbers(table,
                      {"bottleneck_share",
                       {"checkpoint", "block"},
                       "1",
                       "share of samples with the block in the first fifth of both rankings (NaN: "
                       "first or last block, or one case)"},
                      shares, {k, n});
  table.add("bottlenecks", "checkpoint", findings,
            "blocks with a bottleneck_share of at least 0.9");
}

void add_places(Dataset& table, std::int64_t n) {
  std::vector<std::string> places(static_cast<std::size_t>(n), "between");
  places.front() = "first";
  places.back() = n == 1 ? "only" : "last";
  table.add({.name = "block_place",
             .dims = {"block"},
             .strings = places,
             .long_name = "first, last, or between",
             .coordinate = true});
}

}  // namespace

void add_statistics(Dataset& table, const std::vector<Dataset>& cases, const std::string& name) {
  std::vector<std::string> dims = cases.front()[name].dims;
  if (dims.back() == "token") dims.pop_back();
  statistics::add_over_cases(table, cases.front()[name], dims, over_cases(cases, name));
  statistics::add_intervals(table, cases.front()[name], dims, over_cases(cases, name));
}

/// Share of cases whose target emerged at a checkpoint or before, at the last token.
void add_emerged(Dataset& table, const std::vector<Dataset>& cases) {
  const std::int64_t checkpoints = table.dim("checkpoint");
  at::Tensor share = at::full({checkpoints, table.dim("layer")}, 0.0, at::kDouble);
  for (const at::Tensor& first : over_cases(cases, "emergence_checkpoint"))
    for (std::int64_t k = 0; k < checkpoints; ++k)
      share[k] += first.ge(0).logical_and(first.le(k)).to(at::kDouble);
  table.add("emerged_share", {"checkpoint", "layer"}, share / static_cast<double>(cases.size()),
            "1", "share of cases whose target is first from this checkpoint or an earlier one on");
}

void add_bottlenecks(Dataset& table, const std::vector<Dataset>& cases,
                     const statistics::Resampling& resampling) {
  const std::int64_t k = table.dim("checkpoint"), n = table.dim("block");
  const auto found = statistics::bootstrap(cases.size(), BlockNumbers(cases), resampling);
  common::add_estimates(table,
                        {"kl_share",
                         {"checkpoint", "block"},
                         "1",
                         "share of the fall of KL(final || layer) in the block (NaN: no fall)"},
                        found, static_cast<std::size_t>(k * n), {k, n}, resampling);
  add_shares(table, found, k, n);
  const at::Tensor share = table["kl_share"].tensor;
  table.add("stall", {"checkpoint", "block"}, share.lt(kStall).to(at::kChar), "1",
            "1: kl_share is below 0.01");
  add_places(table, n);
}

}  // namespace training_dynamics
