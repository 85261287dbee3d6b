// Runs models on token ids and writes hooked activations, for tests/parity/model_parity.py.
//
//   model_activations JOBS.json
//
// JOBS.json is a list of {"model", "dtype", "ids" [batch][pos], "mask" [batch][pos] or null,
// "hooks" [glob], "out"}; "out" gets a safetensors file of the activations by hook name. With
// "chunks" [positions], the ids are fed in parts of these lengths through a key-value cache and
// "out" gets only the logits, under unembed.hook_out. A job that fails is named and has no "out".

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <lensbench/activation_cache.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/weights/safetensors.hpp"

namespace {

using nlohmann::json;
using Activations = std::map<std::string, at::Tensor>;

at::Tensor rectangle(const json& rows, at::ScalarType dtype) {
  std::vector<at::Tensor> tensors;
  for (const json& row : rows)
    tensors.push_back(at::tensor(row.get<std::vector<std::int64_t>>(), at::kLong).to(dtype));
  return at::stack(tensors);
}

/// The model of a job; consecutive jobs share it.
std::shared_ptr<const lensbench::Model> opened(const json& job) {
  static std::pair<std::string, std::string> held_name;
  static std::shared_ptr<const lensbench::Model> held;
  const std::pair<std::string, std::string> name{job.at("model"), job.at("dtype")};
  if (held && held_name == name) return held;
  lensbench::ModelOptions options;
  if (name.second == "bfloat16") options.dtype = at::kBFloat16;
  if (name.second == "float16") options.dtype = at::kHalf;
  held = lensbench::Model::open(name.first, options);
  held_name = name;
  return held;
}

Activations in_chunks(const lensbench::Model& model, const lensbench::TokenBatch& batch,
                      const std::vector<std::int64_t>& chunks) {
  lensbench::KeyValueCache cache;
  lensbench::ForwardOptions options;
  options.cache = &cache;
  std::vector<at::Tensor> logits;
  std::int64_t begin = 0;
  for (const std::int64_t length : chunks) {
    lensbench::TokenBatch chunk{batch.ids.narrow(1, begin, length), {}};
    if (batch.mask.defined() && begin == 0) chunk.mask = batch.mask.narrow(1, begin, length);
    logits.push_back(model.forward(chunk, options).logits);
    begin += length;
  }
  return {{"unembed.hook_out", at::cat(logits, 1)}};
}

void run(const json& job) {
  const auto model = opened(job);
  lensbench::TokenBatch batch{rectangle(job.at("ids"), at::kLong), {}};
  if (!job.at("mask").is_null()) batch.mask = rectangle(job.at("mask"), at::kBool);
  const auto chunks = job.value("chunks", std::vector<std::int64_t>{});
  Activations activations;
  if (chunks.empty()) {
    const auto names = job.at("hooks").get<std::vector<std::string>>();
    for (auto& [name, tensor] : lensbench::run_with_cache(*model, batch, names).cache.items())
      activations[name] = tensor;
  } else {
    activations = in_chunks(*model, batch, chunks);
  }
  for (auto& [name, tensor] : activations) tensor = tensor.to(at::kFloat).contiguous();
  lensbench::write_safetensors(job.at("out").get<std::string>(), activations);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: model_activations JOBS.json\n", stderr);
    return 2;
  }
  bool failed = false;
  for (const json& job : json::parse(std::ifstream(argv[1]))) {
    try {
      run(job);
    } catch (const std::exception& error) {
      const std::string out = job.value("out", std::string("a job without out"));
      std::fprintf(stderr, "model_activations: %s: %s\n", out.c_str(), error.what());
      failed = true;
    }
  }
  return failed ? 3 : 0;
}
