#include <ATen/ops/full.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "checkpoint/weights/safetensors.hpp"

// Writes a GPT-2 small checkpoint of 500 MB, or of 250 MB in bfloat16, every weight 0.01, to time
// how long opening one takes.

namespace {

using Tensors = std::map<std::string, at::Tensor>;

at::Tensor weight(std::initializer_list<std::int64_t> shape) {
  return at::full(shape, 0.01);
}

void add_block(Tensors& tensors, const std::string& block) {
  constexpr std::int64_t d = 768;
  for (const char* norm : {"ln_1", "ln_2"})
    for (const char* part : {".weight", ".bias"}) tensors[block + norm + part] = weight({d});
  const std::map<std::string, std::pair<std::int64_t, std::int64_t>> projections = {
      {"attn.c_attn", {d, 3 * d}},
      {"attn.c_proj", {d, d}},
      {"mlp.c_fc", {d, 4 * d}},
      {"mlp.c_proj", {4 * d, d}}};
  for (const auto& [name, size] : projections) {
    tensors[block + name + ".weight"] = weight({size.first, size.second});
    tensors[block + name + ".bias"] = weight({size.second});
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool half = argc == 3 && std::string(argv[2]) == "bfloat16";
  if (argc != 2 && !half) {
    std::cerr << "usage: lensbench_write_checkpoint DIR [bfloat16]\n";
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "config.json")
      << R"({"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 768,
 "n_layer": 12, "n_head": 12, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"})";
  Tensors tensors = {{"wte.weight", weight({50257, 768})},
                     {"wpe.weight", weight({1024, 768})},
                     {"ln_f.weight", weight({768})},
                     {"ln_f.bias", weight({768})}};
  for (int layer = 0; layer < 12; ++layer) add_block(tensors, "h." + std::to_string(layer) + ".");
  if (half)
    for (auto& [name, tensor] : tensors) tensor = tensor.to(at::kBFloat16);
  lensbench::write_safetensors(directory / "model.safetensors", tensors);
  return 0;
}
