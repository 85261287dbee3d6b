// Runs models on token ids and writes hooked activations, for tests/parity/model_parity.py.
//
//   model_activations JOBS.json
//
// JOBS.json is a list of {"model", "dtype", "ids" [batch][pos], "mask" [batch][pos] or null,
// "hooks" [glob], "out"}; "out" gets a safetensors file of the activations by hook name.

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/safetensors.hpp"

namespace {

using nlohmann::json;

at::Tensor rectangle(const json& rows, at::ScalarType dtype) {
  std::vector<at::Tensor> tensors;
  for (const json& row : rows)
    tensors.push_back(at::tensor(row.get<std::vector<std::int64_t>>(), at::kLong).to(dtype));
  return at::stack(tensors);
}

void run(const json& job) {
  lensbench::ModelOptions options;
  if (job.at("dtype") == "bfloat16") options.dtype = at::kBFloat16;
  if (job.at("dtype") == "float16") options.dtype = at::kHalf;
  const auto model = lensbench::Model::open(job.at("model").get<std::string>(), options);
  lensbench::TokenBatch batch{rectangle(job.at("ids"), at::kLong), {}};
  if (!job.at("mask").is_null()) batch.mask = rectangle(job.at("mask"), at::kBool);
  auto activations =
      lensbench::run_with_cache(*model, batch, job.at("hooks").get<std::vector<std::string>>());
  for (auto& [name, tensor] : activations) tensor = tensor.to(at::kFloat).contiguous();
  lensbench::write_safetensors(job.at("out").get<std::string>(), activations);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: model_activations JOBS.json\n", stderr);
    return 2;
  }
  try {
    for (const json& job : json::parse(std::ifstream(argv[1]))) run(job);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "model_activations: %s\n", error.what());
    return 3;
  }
  return 0;
}
