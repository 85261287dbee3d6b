#include <utility>

#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {
namespace {

std::vector<Option> tokenize_options() {
  std::vector<Option> options = {
      model_option(),
      {.name = "prompt", .argument = "TEXT", .help = "a prompt", .repeats = true},
      {.name = "prompts",
       .argument = "FILE",
       .help = "one prompt per line, or JSONL (.jsonl, .ndjson) with text, and images",
       .values = Values::file}};
  for (auto& option : picture_options()) options.push_back(std::move(option));
  options.push_back(picture_set_option());
  options.push_back({.name = "no-special",
                     .argument = "",
                     .help = "leave out the template's special tokens (BOS, EOS)"});
  options.push_back(
      json_option("print one JSON line per prompt: id, text, ids, texts, offsets, special, and "
                  "pictures if it has any"));
  return options;
}

}  // namespace

/// The tokenizer alone, without the model: shows which tokens a prompt becomes before a run.
Command tokenize_command() {
  return {.name = "tokenize",
          .group = "Listings",
          .summary = "ids and texts of a prompt",
          .usage = "--model DIR (--prompt TEXT | --prompts FILE) [options]",
          .description =
              R"(Prints ids, texts and byte offsets of each prompt, with the special tokens that the
tokenizer's template adds. Of a prompt with pictures it shows the tokens that the model reads: those of
the chat template, and one placeholder for each token of a picture.)",
          .operands = {},
          .options = tokenize_options(),
          .examples = {{"lensbench tokenize --model models/kjv-gpt2 --prompt \"And God said\"",
                        "one token per line"}}};
}

}  // namespace lensbench::cli
