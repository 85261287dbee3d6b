#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>

#include "model/forward/transformer_model.hpp"
#include "model/stored_model.hpp"
#include "support/changed_checkpoint.hpp"
#include "support/error_matchers.hpp"

// Checkpoints whose weights hold more or less than the configuration describes.

namespace lensbench {
namespace {

using lensbench::testing::ChangedCheckpoint;
using lensbench::testing::message_of;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// The folder of a sample whose file has another tensor of two bytes with a type that cannot be
/// read.
void add_unreadable(const std::string& folder, const std::string& name, const std::string& type) {
  const std::string path = folder + "/model.safetensors";
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const std::size_t length = static_cast<std::uint8_t>(bytes[0]) +
                             256U * static_cast<std::uint8_t>(bytes[1]) +
                             65536U * static_cast<std::uint8_t>(bytes[2]);
  json header = json::parse(bytes.substr(8, length));
  const std::string data = bytes.substr(8 + length);
  header[name] = {{"dtype", type},
                  {"shape", {type.starts_with("F8") ? 2 : 1}},
                  {"data_offsets", {data.size(), data.size() + 2}}};
  const std::string text = header.dump();
  std::ofstream out(path, std::ios::binary);
  for (std::size_t i = 0, rest = text.size(); i < 8; ++i, rest >>= 8)
    out.put(static_cast<char>(rest & 0xff));
  out << text << data << "ab";
}

TEST(OpeningAModel, LeavesATensorOfAnUnknownTypeThatNothingNeeds) {
  for (const std::string type : {"F8_E4M3", "U16"}) {
    const ChangedCheckpoint checkpoint("llama");
    const std::string folder = checkpoint.write();
    add_unreadable(folder, "model.layers.0.self_attn.rotary_emb.inv_freq", type);
    add_unreadable(folder, "score.weight", type);
    const auto model = Model::open(folder);
    ASSERT_FALSE(notes_of(*model).empty());
    EXPECT_THAT(notes_of(*model).back(), AllOf(HasSubstr("element types are not supported"),
                                               HasSubstr("rotary_emb.inv_freq (" + type + ")"),
                                               HasSubstr("score.weight (" + type + ")")));
    EXPECT_EQ(open_as_stored(folder).elements_by_dtype.count(type), 1u);
  }
}

TEST(OpeningAModel, NamesTheUnknownTypeOfAWeight) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.tensors.erase("model.norm.weight");
  const std::string folder = checkpoint.write();
  add_unreadable(folder, "model.norm.weight", "F8_E4M3");
  EXPECT_THAT(message_of<InputError>([&] { Model::open(folder); }),
              HasSubstr("model.norm.weight has the element type F8_E4M3, expected F32"));
}

// A tensor that no layer has is another fault than layers that follow the last one.
TEST(OpeningAModel, DoesNotCountLayersIfATensorOfAKnownLayerIsNotPartOfIt) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.tensors["model.layers.0.unheard_of.weight"] =
      checkpoint.tensors["model.layers.5.unheard_of.weight"] =
          checkpoint.tensors.at("model.norm.weight").clone();
  EXPECT_THAT(checkpoint.fault(), AllOf(HasSubstr("model.layers.0.unheard_of.weight"),
                                        ::testing::Not(HasSubstr("config.json describes"))));
}

TEST(OpeningAModel, NamesBothNumbersIfTheConfigurationHasMoreLayersThanTheWeights) {
  for (const char* sample : {"llama", "gpt2", "mixtral", "phi3-window"}) {
    ChangedCheckpoint checkpoint(sample);
    const char* field = checkpoint.config.contains("n_layer") ? "n_layer" : "num_hidden_layers";
    checkpoint.config[field] = 4;
    EXPECT_THAT(checkpoint.fault(),
                HasSubstr("config.json describes 4 layers, but the weights have 2"))
        << sample;
    checkpoint.config[field] = 1;
    EXPECT_THAT(checkpoint.fault(),
                HasSubstr("config.json describes 1 layer, but the weights have 2"))
        << sample;
  }
}

}  // namespace
}  // namespace lensbench
