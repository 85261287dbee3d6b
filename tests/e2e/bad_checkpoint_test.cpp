#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <ostream>

#include "checkpoint/weights/safetensors.hpp"
#include "support/command.hpp"
#include "support/folders.hpp"

// A checkpoint that is wrong in one way, given to the command: exit code 3 and a sentence that says
// what is wrong where.

namespace lensbench {
namespace {

/// A sound checkpoint of the Llama kind, 61 tokens and 2 layers, before it is spoilt and written.
struct Checkpoint {
  json config;
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> files;  ///< name -> content, in addition to the others
  bool has_safetensors = true;
};

Checkpoint sound_checkpoint() {
  const fs::path folder = fs::path(testing::data_folder()) / "models" / "llama";
  Checkpoint checkpoint;
  checkpoint.config = json::parse(std::ifstream(folder / "config.json"));
  const SafetensorsFile file((folder / "model.safetensors").string());
  for (const auto& [name, entry] : file.entries())
    checkpoint.tensors[name] = file.tensor(name).clone();
  return checkpoint;
}

fs::path write(const Checkpoint& checkpoint, const TempDir& directory) {
  const fs::path model = directory / "m";
  fs::create_directory(model);
  std::ofstream(model / "config.json") << checkpoint.config.dump();
  for (const auto& [name, content] : checkpoint.files) std::ofstream(model / name) << content;
  if (checkpoint.has_safetensors)
    write_safetensors(model / "model.safetensors", checkpoint.tensors, {{"format", "pt"}});
  return model;
}

struct Fault {
  const char* name;
  std::function<void(Checkpoint&)> spoil;
  std::vector<std::string> said;
  std::vector<std::string> arguments = {"--ids", "1 2 3"};

  friend std::ostream& operator<<(std::ostream& out, const Fault& fault) {
    return out << fault.name;
  }
};

const std::vector<Fault>& faults() {
  static const std::string norm = "model.norm.weight";
  static const std::vector<Fault> all = {
      {"missing_tensor", [](Checkpoint& c) { c.tensors.erase(norm); }, {norm}},
      {"extra_tensor",
       [](Checkpoint& c) { c.tensors["surplus.weight"] = at::zeros({2}); },
       {"surplus.weight"}},
      {"tensor_of_another_shape",
       [](Checkpoint& c) {
         c.tensors["lm_head.weight"] = at::zeros({5, 24});
       },
       {"lm_head.weight has shape [5, 24], expected [61, 24]"}},
      {"more_layers_than_weights",
       [](Checkpoint& c) { c.config["num_hidden_layers"] = 3; },
       {"describes 3 layers, but the weights have 2"}},
      {"vocabulary_larger_than_the_embedding",
       [](Checkpoint& c) { c.config["vocab_size"] = 70; },
       {"model.embed_tokens.weight has shape [61, 24], expected [70, 24]"}},
      {"tokenizer_larger_than_the_vocabulary",
       [](Checkpoint& c) {
         c.files["tokenizer.json"] =
             R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 61}, "merges": []}})";
       },
       {"the id 61 (\"c\")", "vocab_size of config.json is 61"},
       {"--prompt", "abc"}},
      {"nan", [](Checkpoint& c) { c.tensors[norm][3] = NAN; }, {norm + " holds NaN at [3]"}},
      {"infinity",
       [](Checkpoint& c) { c.tensors[norm][3] = INFINITY; },
       {norm + " holds an infinity at [3]"}},
      {"no_layers",
       [](Checkpoint& c) { c.config["num_hidden_layers"] = 0; },
       {"config.json: field num_hidden_layers: expected a whole number from 1 to 4096, found "
        "0"}},
      {"setting_that_is_not_followed",
       [](Checkpoint& c) { c.config["hidden_act"] = "mish"; },
       {"config.json: field hidden_act: is \"mish\""}},
      {"unknown_family",
       [](Checkpoint& c) { c.config["model_type"] = "mamba"; },
       {"config.json: field model_type: is \"mamba\""}},
      {"quantization",
       [](Checkpoint& c) {
         c.config["quantization_config"] = {{"quant_method", "hqq"}};
       },
       {"the weights are hqq"}},
      {"plain_weights_described_as_quantized",
       [](Checkpoint& c) {
         c.config["quantization_config"] = {{"quant_method", "fp8"}};
       },
       {"quantization_config: the weights are fp8, but no matrix of the model is stored so"}},
      {"pickle",
       [](Checkpoint& c) {
         c.has_safetensors = false;
         c.files["pytorch_model.bin"] = "PK\x03\x04";
       },
       {"pytorch_model.bin", "safetensors"}},
      {"gguf",
       [](Checkpoint& c) {
         c.has_safetensors = false;
         c.files["model-q4.gguf"] = "GGUF";
       },
       {"model-q4.gguf", "ends within its header"}},
      {"no_weights", [](Checkpoint& c) { c.has_safetensors = false; }, {"model.safetensors"}},
  };
  return all;
}

class BadCheckpoint : public ::testing::TestWithParam<Fault> {};

TEST_P(BadCheckpoint, ExitsWith3AndSaysWhatIsWrong) {
  Checkpoint checkpoint = sound_checkpoint();
  GetParam().spoil(checkpoint);
  const TempDir directory;
  std::vector<std::string> command = {
      "tool", "logit_lens", "--model", write(checkpoint, directory), "--out", directory / "a.h5"};
  command.insert(command.end(), GetParam().arguments.begin(), GetParam().arguments.end());
  const auto outcome = lensbench(command);
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  for (const std::string& part : GetParam().said) EXPECT_THAT(outcome.err, HasSubstr(part));
  EXPECT_EQ(outcome.out, "");
  EXPECT_FALSE(fs::exists(directory / "a.h5"));
  // The sentence, and where a case has failed that there is no archive.
  EXPECT_LE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 2) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(Faults, BadCheckpoint, ::testing::ValuesIn(faults()),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

TEST(LongPrompt, OfARotaryModelRunsAndIsNoted) {
  Checkpoint checkpoint = sound_checkpoint();
  checkpoint.config["max_position_embeddings"] = 4;
  const TempDir directory;
  const auto outcome = lensbench({"tool", "logit_lens", "--model", write(checkpoint, directory),
                                  "--ids", "1 2 3 4 5", "--out", directory / "a.h5"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("longer than the 4 positions"), HasSubstr("'ids-1' with 5 tokens")));
}

}  // namespace
}  // namespace lensbench
