#pragma once

#include <filesystem>
#include <lensbench/model.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {

/// `tokenizer.json` that splits a text at white space; the word `tK` is token K.
inline std::string word_tokenizer(std::int64_t size) {
  nlohmann::json ids = nlohmann::json::object();
  for (std::int64_t id = 0; id < size; ++id) ids["t" + std::to_string(id)] = id;
  return nlohmann::json{{"version", "1.0"},
                        {"added_tokens", nlohmann::json::array()},
                        {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
                        {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", false}}},
                        {"model",
                         {{"type", "WordPiece"},
                          {"vocab", ids},
                          {"unk_token", "[UNK]"},
                          {"continuing_subword_prefix", "##"},
                          {"max_input_chars_per_word", 100}}}}
      .dump();
}

/// A sample of tests/data/models, which has no tokenizer of its own, with `word_tokenizer`.
inline std::shared_ptr<const Model> sample_with_words(const std::string& name) {
  const std::filesystem::path from = data_folder() + "/models/" + name;
  const TempDir folder;
  for (const char* file : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(from / file, folder / file);
  folder.write("tokenizer.json", word_tokenizer(Model::open(from)->spec().vocab_size));
  // For Qwen 2 the class of the model type is taken whatever a folder states, unless the folder
  // names code of its own, which is never run.
  folder.write("tokenizer_config.json", name.starts_with("qwen2")
                                            ? R"({"tokenizer_class": "PreTrainedTokenizerFast",
                         "auto_map": {"AutoTokenizer": [null, "words.Words"]}})"
                                            : R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
  return Model::open(folder.path());
}

}  // namespace lensbench::testing
