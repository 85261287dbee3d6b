#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <lensbench/error.hpp>
#include <set>

#include "bench/plugin_handles.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "framework/session/session_fixture.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"

// Files that a tool reads, which its results name with their digests, whoever called the tool.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::kModel;
using testing::message_of;
using testing::sha256sum;

/// What sha256sum(1) prints for the files of a folder, hashed by it.
std::string sha256sum_of_lines(const fs::path& folder, const std::set<std::string>& names,
                               const testing::TempDir& scratch) {
  std::string lines;
  for (const auto& name : names) lines += sha256sum(folder / name) + "  " + name + "\n";
  return sha256sum(scratch.write("lines.txt", lines));
}

class RecordedFiles : public ::testing::Test {
 protected:
  RecordedFiles() { host_.load_directory(testing::build_folder() + "/lib/lensbench/plugins"); }

  Dataset run(const std::string& tool_name, const Settings& settings) {
    const PluginInfo& entry = host_.find(PluginEntryKind::tool, tool_name);
    const auto tool = create_tool(host_, tool_name);
    tool->attach(context_, entry.parameters, tool_name);
    return tool->run(to_tokens(context_.model(), "And God said unto Moses,"), settings);
  }

  /// The digest that a result has of the file of a parameter.
  std::string digest(const Dataset& result, const std::string& parameter) {
    const auto found = result.attributes.find(parameter + "_sha256");
    return found == result.attributes.end() ? "none" : std::get<std::string>(found->second);
  }

  testing::TempDir folder_;
  PluginHost host_;
  Context context_ = testing::context_of(Model::open(kModel));
};

struct Reading {
  std::string parameter;
  Settings settings;  ///< with which the tool reads the file
};

TEST_F(RecordedFiles, AreThoseOfEveryParameterOfEveryTool) {
  const std::string text =
      folder_.write("text.txt", "In the beginning God created\nAnd the earth was\n");
  const std::string vector = folder_ / "vector.safetensors", matrix = folder_ / "m.safetensors";
  const std::int64_t width = context_.model().spec().d_model;
  using Tensors = std::map<std::string, at::Tensor>;
  write_safetensors(vector, Tensors{{"direction", at::ones({width})}});
  write_safetensors(matrix, Tensors{{"rows", at::ones({3, width})}});
  const std::string pairs = folder_.write(
      "pairs.jsonl", "{\"plus\": \"And God said\", \"minus\": \"And the people said unto him\"}\n");
  const std::string facts =
      folder_.write("facts.jsonl",
                    "{\"subject\": \"Moses\", \"relation\": \"r\", \"object\": \"Aaron\"}\n"
                    "{\"subject\": \"David\", \"relation\": \"r\", \"object\": \"Saul\"}\n");
  const std::string examples = folder_.write("examples.jsonl",
                                             "{\"text\": \"And God said\", \"label\": 0}\n"
                                             "{\"text\": \"In the beginning\", \"label\": 1}\n"
                                             "{\"text\": \"And the earth\", \"label\": 0}\n"
                                             "{\"text\": \"Now these are\", \"label\": 1}\n");
  const std::string exchanges =
      folder_.write("exchanges.jsonl",
                    "{\"base\": \"And God said\", \"source\": \"And Moses said\", "
                    "\"expected\": 5, \"part\": \"train\"}\n"
                    "{\"base\": \"In the beginning\", \"source\": \"In the end\", "
                    "\"expected\": 6, \"part\": \"test\"}\n");
  const std::string corrupted = "And God said unto Aaron,";
  const std::string edges = folder_.write(
      "edges.jsonl", "{\"source\": \"embed\", \"target\": \"L0H1\", \"slot\": \"v\"}\n");
  const std::string other = kModel + "/checkpoints/step-400";
  const std::string jacobians = folder_ / "jacobians.safetensors";
  write_safetensors(jacobians, Tensors{{"J.0", at::zeros({width, width})}});
  const std::string lens = folder_ / "params.safetensors";
  Tensors translators;
  for (std::int64_t layer = 0; layer < context_.model().spec().n_layers; ++layer) {
    translators[std::to_string(layer) + ".weight"] = at::zeros({width, width});
    translators[std::to_string(layer) + ".bias"] = at::zeros({width});
  }
  write_safetensors(lens, translators);
  folder_.write("config.json", "{\"d_model\": 128, \"num_hidden_layers\": 6}");
  const std::string dictionary = folder_ / "sae_weights.safetensors";
  write_safetensors(dictionary, Tensors{{"W_enc", at::ones({width, 4})},
                                        {"b_enc", at::zeros({4})},
                                        {"W_dec", at::ones({4, width})},
                                        {"b_dec", at::zeros({width})}});
  folder_.write("cfg.json",
                "{\"architecture\": \"standard\", \"d_in\": 128, \"d_sae\": 4, "
                "\"metadata\": {\"hook_name\": \"blocks.0.hook_resid_post\"}}");
  const std::map<std::string, std::vector<Reading>> readings = {
      {"layer_attribution", {{"reference", {{"reference", text}, {"ablation", "mean"}}}}},
      {"activation_patching",
       {{"reference", {{"reference", text}, {"source", "mean"}}},
        {"reference", {{"reference", text}, {"source", "resample"}}}}},
      {"edge_attribution",
       {{"reference", {{"corrupted", corrupted}, {"ablation", "mean"}, {"reference", text}}},
        {"truth", {{"corrupted", corrupted}, {"truth", edges}}}}},
      {"composition", {{"direction_file", {{"direction_file", vector}}}}},
      {"residual_geometry",
       {{"text", {{"text", text}}}, {"matrix_file", {{"matrix_file", matrix}}}}},
      {"layer_surgery",
       {{"text", {{"text", text}, {"blocks", "0"}}},
        {"donor", {{"donor", other}, {"operation", "donor"}, {"blocks", "0"}}}}},
      {"token_analyzer", {{"versus_model", {{"versus_model", other}}}}},
      {"sparsity", {{"text", {{"text", text}}}}},
      {"neuron_explorer", {{"text", {{"text", text}, {"neurons", "1:2"}}}}},
      {"facts", {{"facts", {{"facts", facts}, {"trace", "false"}}}}},
      {"jacobian_lens",
       {{"lens", {{"lens", jacobians}}},
        {"text", {{"mode", "fit"}, {"text", text}, {"skip_first", "1"}, {"n_prompts", "1"}}}}},
      {"probe",
       {{"examples",
         {{"examples", examples},
          {"folds", "2"},
          {"controls", "majority"},
          {"hooks", "blocks.5.hook_resid_post"}}}}},
      {"interchange",
       {{"pairs",
         {{"pairs", exchanges}, {"basis", "random"}, {"layers", "5"}, {"controls", "placebo"}}},
        {"probe",
         {{"pairs", exchanges},
          {"basis", "probe"},
          {"probe", vector},
          {"layers", "5"},
          {"controls", "placebo"}}}}},
      {"sparse_autoencoder",
       {{"sae", {{"sae", dictionary}}},
        {"text", {{"sae", dictionary}, {"text", text}}},
        {"text",
         {{"mode", "train"},
          {"hook", "blocks.0.hook_resid_post"},
          {"text", text},
          {"held_out", "0.5"},
          {"steps", "1"},
          {"tokens_per_step", "4"}}}}},
      {"tuned_lens",
       {{"lens", {{"lens", lens}}},
        {"text",
         {{"mode", "train"},
          {"text", text},
          {"held_out", "0.5"},
          {"steps", "1"},
          {"tokens_per_step", "4"}}}}},
      {"steering",
       {{"direction", {{"direction", vector}, {"alphas", "0,1"}}},
        {"pairs", {{"pairs", pairs}, {"alphas", "0,1"}}},
        {"neutral", {{"direction", vector}, {"alphas", "0,1"}, {"neutral", text}}}}},
  };
  const std::set<std::string> files_of_other = {"config.json", "generation_config.json",
                                                "model.safetensors", "tokenizer.json",
                                                "tokenizer_config.json"};
  for (const PluginInfo& entry : host_.entries()) {
    if (entry.kind != PluginEntryKind::tool) continue;
    for (const ParameterInfo& parameter : entry.parameters) {
      const bool is_file = parameter.type == ParameterType::file;
      if (!is_file && parameter.type != ParameterType::model) continue;
      SCOPED_TRACE(entry.name + " " + parameter.name);
      int readings_of_it = 0;
      ASSERT_TRUE(readings.contains(entry.name)) << "add the tool to the table above";
      for (const Reading& reading : readings.at(entry.name)) {
        if (reading.parameter != parameter.name) continue;
        ++readings_of_it;
        const std::string& path = reading.settings.at(parameter.name);
        const Dataset result = run(entry.name, reading.settings);
        EXPECT_EQ(result.attributes.at(parameter.name),
                  Attribute(fs::path(path).filename().string()));
        EXPECT_EQ(digest(result, parameter.name),
                  is_file ? sha256sum(path) : sha256sum_of_lines(path, files_of_other, folder_));
      }
      EXPECT_GT(readings_of_it, 0) << "add the parameter to the table above";
    }
  }
}

TEST_F(RecordedFiles, AreHashedAgainWhenTheyHaveChanged) {
  const fs::path file = folder_.write("a.txt", "one");
  const std::string before = context_.file_digest(file);
  EXPECT_EQ(before, sha256sum(file));
  EXPECT_EQ(context_.file_digest(file), before);
  folder_.write("a.txt", "another");
  EXPECT_EQ(context_.file_digest(file), sha256sum(file));
  EXPECT_NE(context_.file_digest(file), before);
}

TEST_F(RecordedFiles, OfAnArchiveAreTheArchiveItself) {
  const std::string archive = folder_.write("old.h5", "an archive");
  Dataset result;
  context_.record_file(result, "lens", archive + ":results/lens");
  EXPECT_EQ(result.attributes.at("lens"), Attribute(std::string("old.h5:results/lens")));
  EXPECT_EQ(digest(result, "lens"), sha256sum(archive));
}

TEST_F(RecordedFiles, AreNoneWhereNoFileIsNamed) {
  Dataset result;
  context_.record_file(result, "text", "");
  context_.record_file(result, "text", "generated:32");
  EXPECT_TRUE(result.attributes.empty());
  EXPECT_THAT(
      message_of<InputError>([&] { context_.record_file(result, "text", folder_ / "none"); }),
      HasSubstr("none"));
}

}  // namespace
}  // namespace lensbench
