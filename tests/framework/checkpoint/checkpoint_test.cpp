#include "checkpoint/checkpoint.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempDir;

const std::string kConfig = R"({"model_type":"gpt2"})";

std::string message_for(const TempDir& dir) {
  return message_of<InputError>([&] { Checkpoint{dir.path()}; });
}

TEST(Checkpoint, OpensASingleFile) {
  TempDir dir;
  dir.write("config.json", kConfig);
  write_safetensors(dir.path() / "model.safetensors",
                    {{"b", at::ones({2})}, {"a", at::zeros({3, 1}, at::kHalf)}});
  const Checkpoint checkpoint(dir.path());
  EXPECT_EQ(checkpoint.config().at("model_type"), "gpt2");
  EXPECT_TRUE(checkpoint.generation_config().is_null());
  EXPECT_THAT(checkpoint.names(), ElementsAre("a", "b"));
  EXPECT_TRUE(checkpoint.has("a"));
  EXPECT_FALSE(checkpoint.has("c"));
  EXPECT_EQ(checkpoint.tensor("a").scalar_type(), at::kHalf);
  EXPECT_EQ(checkpoint.entry("a").shape, (std::vector<std::int64_t>{3, 1}));
  EXPECT_EQ(checkpoint.weight_bytes(), 2 * 4 + 3 * 2U);
}

TEST(Checkpoint, ListsTheFilesItReadWithTheirRoles) {
  TempDir dir;
  dir.write("config.json", kConfig);
  dir.write("generation_config.json", R"({"eos_token_id":0})");
  write_safetensors(dir.path() / "model.safetensors", {{"a", at::ones({1})}});
  std::vector<std::string> roles;
  for (const auto& file : Checkpoint(dir.path()).files()) roles.push_back(file.role);
  EXPECT_THAT(roles, ElementsAre("config", "generation_config", "weights"));
}

TEST(Checkpoint, NamesATensorThatIsNotThere) {
  TempDir dir;
  dir.write("config.json", kConfig);
  write_safetensors(dir.path() / "model.safetensors", {{"a", at::ones({1})}});
  EXPECT_THAT(message_of<InputError>([&] { Checkpoint(dir.path()).tensor("wte.weight"); }),
              HasSubstr("tensor 'wte.weight' is missing"));
}

/// Two shards: `a` (4 bytes) in 1.safetensors, `b` (8 bytes) in 2.safetensors.
class ShardedCheckpoint : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.write("config.json", kConfig);
    write_safetensors(dir_.path() / "1.safetensors", {{"a", at::full({1}, 1.0)}});
    write_safetensors(dir_.path() / "2.safetensors", {{"b", at::full({2}, 2.0)}});
  }
  void index(const std::string& text) { dir_.write("model.safetensors.index.json", text); }
  void map(const std::string& weights) { index(R"({"weight_map":{)" + weights + "}}"); }

  TempDir dir_;
};

TEST_F(ShardedCheckpoint, FindsEachTensorInItsShard) {
  index(R"({"metadata":{"total_size":12},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})");
  const Checkpoint checkpoint(dir_.path());
  EXPECT_EQ(checkpoint.tensor("a")[0].item<float>(), 1.0F);
  EXPECT_EQ(checkpoint.tensor("b")[1].item<float>(), 2.0F);
  EXPECT_EQ(checkpoint.files().back().path.filename(), "2.safetensors");
}

TEST_F(ShardedCheckpoint, TakesATensorOfTwoShardsFromTheOneThatTheIndexNames) {
  write_safetensors(dir_.path() / "2.safetensors",
                    {{"a", at::full({1}, 5.0)}, {"b", at::ones({2})}});
  map(R"("a":"1.safetensors","b":"2.safetensors")");
  EXPECT_EQ(Checkpoint(dir_.path()).tensor("a").item<float>(), 1.0F);
  map(R"("a":"2.safetensors","b":"2.safetensors","c":"1.safetensors")");
  EXPECT_EQ(Checkpoint(dir_.path()).tensor("a").item<float>(), 5.0F);
}

TEST_F(ShardedCheckpoint, NotesATensorThatTheIndexListsAndNoShardHas) {
  map(R"("a":"1.safetensors","b":"2.safetensors","c":"2.safetensors")");
  const Checkpoint checkpoint(dir_.path());
  EXPECT_FALSE(checkpoint.has("c"));
  ASSERT_EQ(checkpoint.notes().size(), 1u);
  EXPECT_THAT(checkpoint.notes()[0], HasSubstr("lists tensor 'c' for 2.safetensors"));
}

TEST_F(ShardedCheckpoint, HasATensorThatTheIndexDoesNotName) {
  write_safetensors(dir_.path() / "2.safetensors", {{"b", at::ones({2})}, {"x", at::ones({2})}});
  map(R"("a":"1.safetensors","b":"2.safetensors")");
  EXPECT_TRUE(Checkpoint(dir_.path()).has("x"));
}

TEST_F(ShardedCheckpoint, RefusesAMissingShard) {
  map(R"("a":"1.safetensors","b":"3.safetensors")");
  EXPECT_THAT(message_for(dir_), HasSubstr("3.safetensors, which does not exist"));
}

TEST_F(ShardedCheckpoint, NotesATotalThatIsNotTheSum) {
  index(R"({"metadata":{"total_size":13},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})");
  const Checkpoint checkpoint(dir_.path());
  ASSERT_EQ(checkpoint.notes().size(), 1u);
  EXPECT_THAT(checkpoint.notes()[0], HasSubstr("total_size is 13, but the tensors have 12"));
}

TEST_F(ShardedCheckpoint, RefusesDuplicateKeysOfTheMap) {
  map(R"("a":"1.safetensors","a":"2.safetensors")");
  EXPECT_THAT(message_for(dir_), HasSubstr("duplicate JSON key"));
}

TEST_F(ShardedCheckpoint, RefusesAnIndexWithoutAMap) {
  for (const char* text : {"[]", "{}", R"({"weight_map":{}})", R"({"weight_map":["a"]})"}) {
    index(text);
    EXPECT_THAT(message_for(dir_), HasSubstr("weight_map from tensor names to shards is missing"))
        << text;
  }
}

TEST_F(ShardedCheckpoint, RefusesShardNamesThatAreNotFilesBesideIt) {
  for (const char* name : {"../1.safetensors", "sub/1.safetensors", "/etc/passwd", "..", "",
                           "1.bin", "a\\u0000.safetensors"}) {
    map("\"a\":\"" + std::string(name) + "\"");
    EXPECT_THAT(message_for(dir_), HasSubstr("expected the name of a .safetensors file")) << name;
  }
}

TEST_F(ShardedCheckpoint, RefusesALinkOutOfItsFolder) {
  TempDir elsewhere;
  write_safetensors(elsewhere.path() / "c.safetensors", {{"c", at::ones({1})}});
  fs::create_symlink(elsewhere.path() / "c.safetensors", dir_.path() / "3.safetensors");
  map(R"("c":"3.safetensors")");
  EXPECT_THAT(message_for(dir_), HasSubstr("is a link to a file outside its folder"));
}

TEST(Checkpoint, FollowsTheLinksOfTheHubCache) {
  TempDir cache;
  const auto repository = cache.path() / "models--org--name";
  const auto snapshot = repository / "snapshots" / "abc";
  fs::create_directories(snapshot);
  fs::create_directories(repository / "blobs");
  cache.write("models--org--name/snapshots/abc/config.json", kConfig);
  cache.write("models--org--name/snapshots/abc/model.safetensors.index.json",
              R"({"weight_map":{"a":"1.safetensors"}})");
  write_safetensors(repository / "blobs" / "f00d", {{"a", at::ones({1})}});
  fs::create_symlink("../../blobs/f00d", snapshot / "1.safetensors");
  EXPECT_TRUE(Checkpoint(snapshot).has("a"));
}

/// A hub cache with one shard, and a folder elsewhere.
class LinkedShard : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(repository_ / "blobs");
    write_safetensors(repository_ / "blobs" / "f00d", {{"a", at::ones({1})}});
  }
  /// Puts a configuration and an index of `1.safetensors` into a folder.
  void fill(const fs::path& folder) const {
    fs::create_directories(folder);
    std::ofstream(folder / "config.json") << kConfig;
    std::ofstream(folder / "model.safetensors.index.json")
        << R"({"weight_map":{"a":"1.safetensors"}})";
  }

  TempDir cache_;
  fs::path repository_ = cache_.path() / "hub" / "models--org--name";
};

TEST_F(LinkedShard, OpensFromAFolderOutsideTheCacheThatLinksIntoIt) {
  const fs::path absolute = cache_.path() / "absolute", relative = cache_.path() / "relative";
  for (const fs::path& folder : {absolute, relative}) fill(folder);
  fs::create_symlink(repository_ / "blobs" / "f00d", absolute / "1.safetensors");
  fs::create_symlink("../hub/models--org--name/blobs/f00d", relative / "1.safetensors");
  EXPECT_TRUE(Checkpoint(absolute).has("a"));
  EXPECT_TRUE(Checkpoint(relative).has("a"));
}

TEST_F(LinkedShard, OpensThroughALinkToTheSnapshot) {
  const fs::path snapshot = repository_ / "snapshots" / "abc", link = cache_.path() / "model";
  fill(snapshot);
  fs::create_symlink("../../blobs/f00d", snapshot / "1.safetensors");
  fs::create_symlink(snapshot, link);
  EXPECT_TRUE(Checkpoint(link).has("a"));
}

TEST_F(LinkedShard, OpensFromALinkToASnapshotThatHasTheFileItself) {
  const fs::path snapshot = repository_ / "snapshots" / "abc", folder = cache_.path() / "model";
  fs::create_directories(snapshot);
  write_safetensors(snapshot / "1.safetensors", {{"a", at::ones({1})}});
  fill(folder);
  fs::create_symlink(snapshot / "1.safetensors", folder / "1.safetensors");
  EXPECT_TRUE(Checkpoint(folder).has("a"));
}

TEST_F(LinkedShard, IsRefusedInAFolderThatOnlyHasTheNameOfBlobs) {
  const fs::path other = cache_.path() / "other" / "blobs", folder = cache_.path() / "model";
  fs::create_directories(other);
  fs::copy(repository_ / "blobs" / "f00d", other / "f00d");
  fill(folder);
  fs::create_symlink(other / "f00d", folder / "1.safetensors");
  EXPECT_THAT(message_of<InputError>([&] { Checkpoint{folder}; }),
              HasSubstr("is not in a hub cache"));
}

TEST(Checkpoint, SaysThatAFolderIsNotAModel) {
  TempDir dir;
  EXPECT_THAT(message_for(dir), HasSubstr("config.json is missing"));
}

TEST(Checkpoint, RefusesAConfigThatIsNotAnObject) {
  TempDir dir;
  for (const char* text :
       {"", "[]", "1", "{\"a\":1,\"a\":2}", "{\"a\":1", "\xff", "\xef\xbb\xbf{}"}) {
    dir.write("config.json", text);
    EXPECT_THAT(message_for(dir), HasSubstr("config.json")) << text;
  }
}

TEST(Checkpoint, RefusesAConfigOverOneMegabyte) {
  TempDir dir;
  dir.write("config.json", "{\"a\":\"" + std::string(1 << 20, 'x') + "\"}");
  EXPECT_THAT(message_for(dir), HasSubstr("at most 1048576 are allowed"));
}

TEST(Checkpoint, RefusesAConfigNestedTooDeeply) {
  TempDir dir;
  dir.write("config.json", "{\"a\":" + std::string(100'000, '['));
  EXPECT_THAT(message_for(dir), HasSubstr("nested deeper than 64"));
}

struct ForeignWeights {
  std::string name, file, advice;
};

class CheckpointWithForeignWeights : public ::testing::TestWithParam<ForeignWeights> {};

TEST_P(CheckpointWithForeignWeights, SaysHowToConvertThemAndOpensNothing) {
  TempDir dir;
  dir.write("config.json", kConfig);
  // A folder in place of the file: opening it would be another error.
  fs::create_directory(dir.path() / GetParam().file);
  const auto message = message_for(dir);
  EXPECT_THAT(message, HasSubstr(GetParam().file));
  EXPECT_THAT(message, HasSubstr(GetParam().advice));
}

INSTANTIATE_TEST_SUITE_P(
    , CheckpointWithForeignWeights,
    ::testing::Values(
        ForeignWeights{"Pickle", "pytorch_model.bin", "save_pretrained"},
        ForeignWeights{"PickledShards", "pytorch_model-00001-of-00002.bin", "never opens"},
        ForeignWeights{"Original", "consolidated.00.pth", "never opens"},
        ForeignWeights{"TensorFlow", "tf_model.h5", "export them to PyTorch"},
        ForeignWeights{"Flax", "flax_model.msgpack", "export them to PyTorch"},
        ForeignWeights{"OtherName", "weights.safetensors", "rename weights.safetensors"}),
    [](const auto& item) { return item.param.name; });

TEST(Checkpoint, RefusesQuantizedWeightsNamingTheMethod) {
  TempDir dir;
  dir.write("config.json", R"({"quantization_config":{"quant_method":"hqq","bits":4}})");
  EXPECT_THAT(message_for(dir), HasSubstr("quantization_config: the weights are hqq"));
}

TEST(Checkpoint, SaysHowToMakeBitsandbytesWeightsPlain) {
  TempDir dir;
  dir.write("config.json", R"({"quantization_config":{"quant_method":"bitsandbytes"}})");
  EXPECT_THAT(message_for(dir),
              AllOf(HasSubstr("bitsandbytes"), HasSubstr(".dequantize().save_pretrained(a[1])"),
                    HasSubstr("' " + dir.path().string() + " " + dir.path().string() + "-plain")));
}

TEST(Checkpoint, RefusesQuantizedWeightsThatOnlyAFileBesideTellsOf) {
  TempDir gptq, awq;
  for (const TempDir* dir : {&gptq, &awq}) dir->write("config.json", kConfig);
  gptq.write("quantize_config.json", "{}");
  awq.write("quant_config.json", "{}");
  EXPECT_THAT(message_for(gptq), AllOf(HasSubstr("quantize_config.json"), HasSubstr("are gptq"),
                                       HasSubstr("write its content as quantization_config")));
  EXPECT_THAT(message_for(awq), AllOf(HasSubstr("quant_config.json"), HasSubstr("are awq"),
                                      HasSubstr("w_bit, q_group_size, zero_point")));
}

TEST(Checkpoint, RefusesAFolderOfSeveralGgufFiles) {
  TempDir dir;
  dir.write("config.json", kConfig);
  dir.write("a-Q4_K_M.gguf", "GGUF");
  dir.write("a-Q8_0.gguf", "GGUF");
  EXPECT_THAT(message_for(dir), AllOf(HasSubstr("a-Q4_K_M.gguf, a-Q8_0.gguf"),
                                      HasSubstr("give a folder with one of them")));
}

TEST(Checkpoint, SaysHowToConvertAFolderOfOneGgufFileWithoutAConfiguration) {
  TempDir dir;
  dir.write("tiny.gguf", "GGUF");
  EXPECT_THAT(message_for(dir), AllOf(HasSubstr("gguf_file=a[1]"),
                                      HasSubstr("' " + dir.path().string() + " tiny.gguf " +
                                                dir.path().string() + "/tiny-safetensors (")));
}

TEST(Checkpoint, NamesTheClassThatLoadsPickledMaskedModels) {
  TempDir dir;
  dir.write("config.json", R"({"architectures":["BertForMaskedLM"]})");
  dir.write("pytorch_model.bin", "");
  EXPECT_THAT(message_for(dir), HasSubstr("AutoModelForMaskedLM"));
}

TEST(Checkpoint, OpensThePublicTrainedModel) {
  const char* given = std::getenv("LENSBENCH_SHARED");
  const fs::path shared = given ? given : testing::source_folder() + "/../shared";
  const auto directory = shared / "models" / "aidreams260k";
  if (!fs::exists(directory)) GTEST_SKIP() << directory << " is not there";
  const Checkpoint checkpoint(directory);
  EXPECT_EQ(checkpoint.tensor("model.embed_tokens.weight").sizes(), (at::IntArrayRef{512, 64}));
}

}  // namespace
}  // namespace lensbench
