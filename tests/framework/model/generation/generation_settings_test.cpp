#include "model/generation/generation_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <lensbench/model.hpp>

#include "model/forward/transformer_model.hpp"
#include "support/changed_checkpoint.hpp"

namespace lensbench {
namespace {

using lensbench::testing::ChangedCheckpoint;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Whether a setting changes the tokens was found by calling generate of transformers 5.24 on the
// sample `llama` with and without it, greedily.
TEST(GenerationSettings, ThatChangeAGreedyChoiceAreNamedWithTheirValue) {
  const std::vector<std::pair<std::string, std::string>> settings = {
      {"repetition_penalty", "1.9"},
      {"encoder_repetition_penalty", "1.9"},
      {"no_repeat_ngram_size", "1"},
      {"bad_words_ids", "[[43]]"},
      {"min_new_tokens", "8"},
      {"suppress_tokens", "[43]"},
      {"begin_suppress_tokens", "[43]"},
      {"sequence_bias", "[[[43],-50.0]]"},
      {"guidance_scale", "1.5"},
      {"num_beams", "3"},
      {"exponential_decay_length_penalty", "[2,3.0]"},
      {"watermarking_config", "{\"bias\":9.0}"},
      {"max_time", "0.5"},
      {"forced_bos_token_id", "0"},
      {"stop_strings", "[\"a\"]"}};
  for (const auto& [name, value] : settings) {
    json configuration;
    configuration[name] = json::parse(value);
    EXPECT_THAT(notes_on_generation(configuration, "g.json"),
                ElementsAre(AllOf(HasSubstr("g.json: "), HasSubstr(name + " " + value + ";"))));
  }
}

// transformers 5.24 reads these too; on a model without an encoder, or with the settings of
// `llama`, they do not all change a token.
TEST(GenerationSettings, ThatTransformersReadsAreNamedWithTheirValue) {
  for (const char* name :
       {"encoder_no_repeat_ngram_size", "min_length", "forced_eos_token_id", "penalty_alpha",
        "dola_layers", "force_words_ids", "constraints", "token_healing"}) {
    json configuration;
    configuration[name] = json::array({7});
    EXPECT_THAT(notes_on_generation(configuration, "g.json"),
                ElementsAre(HasSubstr(std::string(name) + " [7];")));
  }
}

TEST(GenerationSettings, WithoutEffectAreNotNamed) {
  const json neutral = {{"repetition_penalty", 1.0},
                        {"no_repeat_ngram_size", 0},
                        {"num_beams", 1},
                        {"suppress_tokens", json::array()},
                        {"min_length", 0},
                        {"bad_words_ids", nullptr},
                        {"guidance_scale", 1},
                        {"token_healing", false}};
  const json unread_when_greedy = {{"temperature", 0.3},    {"top_k", 1},
                                   {"top_p", 0.5},          {"do_sample", false},
                                   {"max_length", 6},       {"renormalize_logits", true},
                                   {"eos_token_id", {1, 2}}};
  EXPECT_THAT(notes_on_generation(neutral, "g.json"), IsEmpty());
  EXPECT_THAT(notes_on_generation(unread_when_greedy, "g.json"), IsEmpty());
}

TEST(GenerationSettings, OfSamplingCountIfSamplingIsAskedFor) {
  const auto notes = notes_on_generation({{"do_sample", true}, {"top_p", 0.9}}, "g.json");
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("do_sample true, top_p 0.9"));
  for (const char* name : {"temperature", "top_k", "top_p", "min_p", "top_h", "typical_p",
                           "epsilon_cutoff", "eta_cutoff"}) {
    json configuration = {{"do_sample", true}};
    configuration[name] = 0.3;
    EXPECT_THAT(notes_on_generation(configuration, "g.json"),
                ElementsAre(HasSubstr("do_sample true, " + std::string(name) + " 0.3;")));
  }
}

TEST(GenerationSettings, ThatAreLongAreShortened) {
  const auto notes = notes_on_generation({{"suppress_tokens", std::vector<int>(900, 5)}}, "g.json");
  EXPECT_THAT(notes[0], HasSubstr("suppress_tokens (1801 characters)"));
}

/// A model with a generation_config.json, or without one if it is null.
std::shared_ptr<const Model> with_generation(const json& config, const json& generation) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.config.update(config);
  const std::string folder = checkpoint.write();
  if (!generation.is_null()) std::ofstream(folder + "/generation_config.json") << generation.dump();
  return Model::open(folder);
}

// The expected ends are those of generate of transformers 5.24.
TEST(GenerationSettings, OfTheirOwnFileReplaceThoseOfTheConfiguration) {
  const json config = {{"eos_token_id", 25}, {"repetition_penalty", 1.9}};
  EXPECT_THAT(with_generation(config, {{"eos_token_id", {29, 25}}})->end_of_sequence_ids(),
              ElementsAre(29, 25));
  EXPECT_THAT(with_generation(config, nullptr)->end_of_sequence_ids(), ElementsAre(25));
  for (const json& without : {json{{"bos_token_id", 1}}, json{{"eos_token_id", nullptr}}}) {
    const auto model = with_generation(config, without);
    EXPECT_THAT(model->end_of_sequence_ids(), IsEmpty());
    EXPECT_THAT(generation_notes_of(*model), IsEmpty());
  }
  EXPECT_THAT(generation_notes_of(*with_generation(config, nullptr)),
              ElementsAre(AllOf(HasSubstr("/config.json: "), HasSubstr("repetition_penalty 1.9"))));
}

}  // namespace
}  // namespace lensbench
