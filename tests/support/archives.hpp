#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>

#include <filesystem>
#include <string>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "support/variables.hpp"

namespace lensbench::testing {

/// Writes a sealed archive, about as small as one can be: case i has i + 1 tokens.
inline void write_small_archive(const std::filesystem::path& path, std::size_t n_cases) {
  RunPlan plan;
  plan.title = "small";
  plan.experiment = "look";
  plan.experiment_version = "1.0.0";
  plan.request = {{"seed", 1}};
  plan.source = "class Look {};";
  for (std::size_t n = 1; n <= n_cases; ++n)
    plan.cases.push_back({"case" + std::to_string(n), "text", static_cast<std::int64_t>(n),
                          std::string(64, 'c'), std::vector<std::int64_t>(n, 17)});
  auto writer = RunWriter::start(path, plan, false);
  for (std::size_t n = 1; n <= n_cases; ++n) {
    const auto length = static_cast<std::int64_t>(n);
    Dataset dataset;
    add_token_axis(dataset, std::vector<std::int64_t>(n, 17), std::vector<std::string>(n, "In"));
    dataset.add(numbers("entropy", {"token"}, at::arange(length, at::kFloat) + 1.5, "nats"));
    writer.commit(length - 1, {{"lens", dataset}}, {});
  }
  writer.seal({}, {{17, "In"}}, {}, {{"threads", 1}}, {{"host", "here"}});
}

}  // namespace lensbench::testing
