#include "model/families/language_part.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/model.hpp>

#include "model/forward/transformer_model.hpp"
#include "model/stored_model.hpp"
#include "support/changed_checkpoint.hpp"

namespace lensbench {
namespace {

using lensbench::testing::ChangedCheckpoint;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

at::Tensor logits_of(const Model& model) {
  const TokenBatch batch{at::arange(1, 14, at::kLong).unsqueeze(0), {}};
  return model.forward(batch).logits;
}

/// A sample that becomes the language model of a checkpoint of text and images.
struct Kind {
  const char* sample;
  const char* model_type;  ///< of the whole checkpoint
};
constexpr Kind kGemma3{"gemma3", "gemma3"}, kMistral{"mistral", "mistral3"},
    kMinistral{"ministral3", "mistral3"};

/// Such a checkpoint, with names as published, or those of the modules.
class Multimodal : public ChangedCheckpoint {
 public:
  explicit Multimodal(const Kind& kind = kGemma3, bool modules = false)
      : ChangedCheckpoint(kind.sample) {
    const std::string body = modules ? "model.language_model." : "language_model.model.";
    const std::string others = modules ? "model." : "";
    config = {{"model_type", kind.model_type},
              {"text_config", config},
              {"vision_config", {{"model_type", "siglip_vision_model"}}}};
    std::map<std::string, at::Tensor> renamed;
    for (const auto& [name, tensor] : tensors)
      renamed[name.starts_with("model.") ? body + name.substr(std::string("model.").size())
              : modules                  ? name
                                         : "language_model." + name] = tensor;
    renamed[others + "vision_tower.vision_model.post_layernorm.weight"] = at::ones({4});
    renamed[others + "multi_modal_projector.mm_soft_emb_norm.weight"] = at::ones({4});
    tensors = renamed;
  }

  /// Gives the tensors whose names begin with `from` another beginning.
  void rename(const std::string& from, const std::string& to) {
    std::map<std::string, at::Tensor> renamed;
    for (const auto& [name, tensor] : tensors)
      renamed[name.starts_with(from) ? to + name.substr(from.size()) : name] = tensor;
    tensors = renamed;
  }
};

TEST(LanguagePart, OfAModelOfTextAndImagesIsTheModelOfItsTextConfiguration) {
  for (const Kind& kind : {kGemma3, kMistral, kMinistral}) {
    const auto alone = ChangedCheckpoint(kind.sample).open();
    for (const bool modules : {false, true}) {
      const auto model = Multimodal(kind, modules).open();
      EXPECT_EQ(model->spec().family, alone->spec().family);
      EXPECT_TRUE(at::equal(logits_of(*model), logits_of(*alone))) << kind.sample << modules;
      EXPECT_THAT(notes_of(*model), Contains(HasSubstr("reads text only")));
      EXPECT_THAT(notes_of(*model),
                  Contains(AllOf(HasSubstr("vision_tower.* (1 tensor)"),
                                 HasSubstr("multi_modal_projector.* (1 tensor)"))));
    }
  }
}

// Mistral3Config of transformers 5.24 has `tie_word_embeddings` true by default; published folders
// leave the field out and store an unembedding, which is then used.
TEST(LanguagePart, OfMistral3IsTiedUnlessTheFolderStoresAnUnembedding) {
  Multimodal stored(kMistral);
  EXPECT_FALSE(stored.open()->spec().tied_unembedding);
  Multimodal without(kMistral);
  without.tensors.erase("language_model.lm_head.weight");
  EXPECT_TRUE(without.open()->spec().tied_unembedding);
  without.config["tie_word_embeddings"] = false;
  EXPECT_THAT(without.fault(), HasSubstr("missing: language_model.lm_head.weight"));
}

TEST(LanguagePart, OfLlama4IsItsTextModelWhateverTheTextConfigurationIsCalled) {
  Multimodal checkpoint({"llama4", "llama4"});
  checkpoint.rename("vision_tower.", "vision_model.");
  checkpoint.config["text_config"]["model_type"] = "llama4_text_model";
  const auto model = checkpoint.open();
  EXPECT_EQ(model->spec().family, "llama4_text");
  EXPECT_TRUE(at::equal(logits_of(*model), logits_of(*ChangedCheckpoint("llama4").open())));
  EXPECT_THAT(notes_of(*model), Contains(HasSubstr("vision_model.* (1 tensor)")));
}

TEST(LanguagePart, OfMistral3IsMistralUnlessItsConfigurationNamesMinistral3) {
  Multimodal checkpoint(kMistral);
  checkpoint.config["text_config"].erase("model_type");
  EXPECT_EQ(checkpoint.open()->spec().family, "mistral");
  checkpoint.config["text_config"]["model_type"] = "qwen2";
  EXPECT_THAT(checkpoint.fault(), AllOf(HasSubstr("text_config: field model_type"),
                                        HasSubstr("expected \"mistral\" or \"ministral3\"")));
}

TEST(LanguagePart, AloneCountsAsParameters) {
  EXPECT_EQ(open_as_stored(Multimodal().write()).parameters,
            open_as_stored(ChangedCheckpoint("gemma3").write()).parameters);
}

TEST(LanguagePart, CountsATiedHeadThatIsStoredAsWellOnce) {
  Multimodal checkpoint;
  checkpoint.tensors["language_model.lm_head.weight"] =
      checkpoint.tensors.at("language_model.model.embed_tokens.weight").clone();
  EXPECT_EQ(open_as_stored(checkpoint.write()).parameters,
            open_as_stored(Multimodal().write()).parameters);
}

// Values of Gemma3TextConfig in transformers 5.24.
TEST(LanguagePart, HasTheDefaultsOfItsClassForFieldsThatPublishedFoldersLeaveOut) {
  Multimodal checkpoint;
  checkpoint.config["text_config"] = json::object();
  const json config = language_part(Checkpoint(checkpoint.write())).config;
  const std::map<std::string, int> defaults = {
      {"vocab_size", 262208},    {"hidden_size", 2304},      {"intermediate_size", 9216},
      {"num_hidden_layers", 26}, {"num_attention_heads", 8}, {"num_key_value_heads", 4},
      {"head_dim", 256}};
  for (const auto& [field, value] : defaults) EXPECT_EQ(config.value(field, 0), value) << field;
}

TEST(LanguagePart, HasItsOwnHeadIfItIsNotTied) {
  ChangedCheckpoint alone("gemma3");
  Multimodal checkpoint;
  alone.config["tie_word_embeddings"] = checkpoint.config["tie_word_embeddings"] = false;
  const at::Tensor head = alone.tensors.at("model.embed_tokens.weight").mul(0.5);
  alone.tensors["lm_head.weight"] = checkpoint.tensors["language_model.lm_head.weight"] = head;
  EXPECT_TRUE(at::equal(logits_of(*checkpoint.open()), logits_of(*alone.open())));
}

TEST(LanguagePart, IsComputedWithoutTheCapThatTheLargerModelDoesNotApply) {
  Multimodal checkpoint;
  checkpoint.config["text_config"]["final_logit_softcapping"] = 1.5;
  EXPECT_EQ(checkpoint.open()->spec().logit_softcap, 0.0);
}

// GenerationConfig of transformers 5.24 reads a folder without generation_config.json in this way.
TEST(LanguagePart, TakesSettingsOfGenerationFromTheOuterConfigurationFirst) {
  Multimodal checkpoint;
  checkpoint.config["text_config"]["eos_token_id"] = 1;
  checkpoint.config["text_config"]["no_repeat_ngram_size"] = 2;
  EXPECT_THAT(checkpoint.open()->end_of_sequence_ids(), ElementsAre(1));
  checkpoint.config["eos_token_id"] = {1, 5};
  checkpoint.config["repetition_penalty"] = 1.5;
  const auto model = checkpoint.open();
  EXPECT_THAT(model->end_of_sequence_ids(), ElementsAre(1, 5));
  EXPECT_THAT(generation_notes_of(*model), ElementsAre(AllOf(HasSubstr("repetition_penalty 1.5"),
                                                             HasSubstr("no_repeat_ngram_size 2"))));
}

TEST(LanguagePart, NamesTheFieldOfItsConfigurationThatIsWrong) {
  Multimodal checkpoint;
  checkpoint.config["text_config"]["hidden_size"] = "wide";
  EXPECT_THAT(checkpoint.fault(),
              AllOf(HasSubstr("config.json: text_config"), HasSubstr("hidden_size")));
  checkpoint.config.erase("text_config");
  EXPECT_THAT(checkpoint.fault(), HasSubstr("field text_config: missing"));
}

TEST(LanguagePart, NamesAMissingTensorAsTheCheckpointWouldStoreIt) {
  Multimodal checkpoint;
  checkpoint.tensors.erase("language_model.model.norm.weight");
  EXPECT_THAT(checkpoint.fault(), HasSubstr("missing: language_model.model.norm.weight"));
}

TEST(LanguagePart, OfOtherCheckpointsIsTheWhole) {
  const LanguagePart part = language_part(lensbench::Checkpoint(ChangedCheckpoint("gpt2").write()));
  EXPECT_FALSE(part.text_only);
  EXPECT_EQ(part.body_prefix, "");
  EXPECT_EQ(part.config.at("model_type"), "gpt2");
}

}  // namespace
}  // namespace lensbench
