// What the tool is asked, and what it refuses.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/zeros.h>

#include <filesystem>

#include "checkpoint/weights/safetensors.hpp"
#include "lens_fixture.hpp"
#include "support/contexts.hpp"
#include "tuned_lens/lens_file.hpp"

namespace lensbench::tuned {
namespace {

namespace fs = std::filesystem;

class LensFiles : public ::testing::Test {
 protected:
  /// A copy of a published lens, of which a test changes a part.
  fs::path copy() const {
    fs::create_directories(folder_ / "lens");
    for (const char* file : {"config.json", "params.safetensors"})
      fs::copy_file(fs::path(published("gpt2")) / file, folder_ / "lens" / file,
                    fs::copy_options::overwrite_existing);
    return folder_ / "lens";
  }
  std::string refusal(const std::string& source) {
    return message_of<InputError>([&] { read_lens(*model_, source); });
  }

  testing::TempDir folder_;
  std::shared_ptr<const Model> model_ = sample("gpt2");
};

TEST_F(LensFiles, ThatArePicklesAreRefusedWithTheConversion) {
  const fs::path lens = copy();
  fs::rename(lens / "params.safetensors", lens / "params.pt");
  EXPECT_THAT(refusal(lens), HasSubstr("safetensors.torch.save_file(torch.load('params.pt'"));
  EXPECT_THAT(refusal(lens / "params.pt"), HasSubstr("safetensors.torch.save_file"));
}

TEST_F(LensFiles, OfAnotherWidthOrDepthAreRefused) {
  const fs::path lens = copy();
  folder_.write("lens/config.json", R"({"d_model": 25, "num_hidden_layers": 2})");
  EXPECT_THAT(refusal(lens), HasSubstr("field d_model is 25, expected 24"));
  folder_.write("lens/config.json", R"({"d_model": 24, "num_hidden_layers": 3})");
  EXPECT_THAT(refusal(lens), HasSubstr("field num_hidden_layers is 3, expected 2"));
  folder_.write("lens/config.json", R"({"d_model": 24})");
  EXPECT_THAT(refusal(lens), HasSubstr("num_hidden_layers is missing"));
  folder_.write("lens/config.json", "[");
  EXPECT_THAT(refusal(lens), HasSubstr("is not a JSON object"));
  folder_.write("lens/config.json",
                R"({"d_model": 24, "num_hidden_layers": 2, "lens_type": "mlp"})");
  EXPECT_THAT(refusal(lens), HasSubstr("lens_type is 'mlp'"));
}

TEST_F(LensFiles, WithoutAPartOrWithNumbersThatAreNotFiniteAreRefused) {
  const fs::path lens = copy();
  std::map<std::string, at::Tensor> tensors;
  for (const char* layer : {"0", "1"}) {
    tensors[std::string(layer) + ".weight"] = at::zeros({24, 24});
    tensors[std::string(layer) + ".bias"] = at::zeros({24});
  }
  tensors["1.bias"][3] = std::nan("");
  write_safetensors(lens / "params.safetensors", tensors);
  EXPECT_THAT(refusal(lens), HasSubstr("1.bias"));
  tensors.erase("1.bias");
  write_safetensors(lens / "params.safetensors", tensors);
  EXPECT_THAT(refusal(lens), HasSubstr("1.bias"));
  folder_.write("lens/config.json", R"({"d_model": 24, "num_hidden_layers": 2, "bias": false})");
  EXPECT_EQ(read_lens(*model_, lens).translators.bias.abs().max().item<double>(), 0);
}

TEST_F(LensFiles, ThatAreWorseThanTheLogitLensAreRefused) {
  const fs::path lens = copy();
  std::map<std::string, at::Tensor> tensors;
  for (const char* layer : {"0", "1"}) {
    tensors[std::string(layer) + ".weight"] =
        3 * at::sin(at::arange(24 * 24, at::kFloat)).view({24, 24});
    tensors[std::string(layer) + ".bias"] = at::zeros({24});
  }
  write_safetensors(lens / "params.safetensors", tensors);
  const std::vector<std::vector<std::int64_t>> prompts = {{3}, {3, 17, 5, 9, 11, 17, 5, 9}};
  for (const auto& prompt : prompts) {
    LensBench bench(model_, prompt);
    EXPECT_THAT(message_of<InputError>([&] { bench.tool.read(bench.tokens, lens, {}); }),
                HasSubstr("the lens is worse than the logit lens at 2 of 2 layers"));
  }
}

class Requests : public ::testing::Test {
 protected:
  std::string refusal(const Settings& settings) {
    return message_of<UsageError>(
        [&] { bench_.tool.check_parameters(bench_.tool.parameters(settings)); });
  }

  testing::TempDir folder_;
  std::string text_ = folder_.write("text.jsonl", documents(10, 12, 61));
  LensBench bench_{sample("gpt2"), {3, 17, 5, 9}};
};

TEST_F(Requests, OfOneModeDoNotTakeTheFilesOfTheOther) {
  EXPECT_THAT(refusal({}), HasSubstr("mode=use needs lens"));
  EXPECT_THAT(refusal({{"mode", "train"}}), HasSubstr("training needs text"));
  EXPECT_THAT(refusal({{"mode", "train"}, {"text", text_}, {"lens", published("gpt2")}}),
              HasSubstr("leave lens out"));
  EXPECT_THAT(refusal({{"text", text_}, {"lens", published("gpt2")}}), HasSubstr("leave text out"));
}

TEST_F(Requests, ForATextWithoutDocumentsOfBothPartsAreRefused) {
  EXPECT_THAT(refusal({{"mode", "train"}, {"text", text_}, {"held_out", "0.01"}}),
              HasSubstr("leaves 0 documents of the text to measure the lens on"));
  EXPECT_THAT(refusal({{"mode", "train"}, {"text", text_}, {"held_out", "0.99"}}),
              HasSubstr("leaves 0 documents of the text to train on"));
}

TEST_F(Requests, ToTrainTakeOnePrompt) {
  ContextAccess::set_reference_prompts(bench_.context, [&] {
    return std::vector<Tokens>{bench_.tokens, bench_.tokens};
  });
  EXPECT_THAT(
      message_of<UsageError>([&] { bench_.tool.train(bench_.tokens, small_training(text_), {}); }),
      HasSubstr("give one prompt"));
}

TEST_F(Requests, WithNumbersOutOfRangeAreRefused) {
  const auto refused = [&](auto change) {
    TunedLensTraining training = small_training(text_);
    change(training);
    return message_of<UsageError>([&] { bench_.tool.train(bench_.tokens, training, {}); });
  };
  EXPECT_THAT(refused([](auto& t) { t.steps = 0; }), HasSubstr("steps is 0"));
  EXPECT_THAT(refused([](auto& t) { t.momentum = 1; }), HasSubstr("momentum is 1"));
  EXPECT_THAT(refused([](auto& t) { t.learning_rate = 0; }), HasSubstr("learning_rate is 0"));
  EXPECT_THAT(refused([](auto& t) { t.held_out = 1; }), HasSubstr("held_out is 1"));
  EXPECT_THAT(refused([](auto& t) { t.rows_per_window = -1; }), HasSubstr("rows_per_window is -1"));
}

TEST_F(Requests, WhoseTrainingDivergesAreRefused) {
  TunedLensTraining training = small_training(text_);
  training.learning_rate = 1e30;
  training.clip = 0;
  EXPECT_THAT(message_of<RunError>([&] { bench_.tool.train(bench_.tokens, training, {}); }),
              HasSubstr("smaller learning_rate"));
}

TEST_F(Requests, SayWhatATrainingCosts) {
  const auto cost = [&](const Settings& settings) {
    Request request(bench_.tokens, bench_.tool.parameters(settings));
    return bench_.tool.estimate(request);
  };
  const CostEstimate all = cost({{"mode", "train"}, {"text", text_}, {"window", "64"}});
  const CostEstimate few =
      cost({{"mode", "train"}, {"text", text_}, {"window", "64"}, {"rows_per_window", "8"}});
  EXPECT_EQ(all.items, 250);
  EXPECT_LT(*few.flops, *all.flops);
  EXPECT_FALSE(cost({{"lens", published("gpt2")}}).flops.has_value());
}

}  // namespace
}  // namespace lensbench::tuned
