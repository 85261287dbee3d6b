#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

/// The tokenizer alone, without the model: shows which tokens a prompt becomes before a run.
Command tokenize_command() {
  return {
      .name = "tokenize",
      .group = "Listings",
      .summary = "ids and texts of a prompt",
      .usage = "--model DIR (--prompt TEXT | --prompts FILE) [options]",
      .description =
          R"(Prints ids, texts and byte offsets of each prompt, with the special tokens that the
tokenizer's template adds.)",
      .operands = {},
      .options = {model_option(),
                  {.name = "prompt", .argument = "TEXT", .help = "a prompt", .repeats = true},
                  {.name = "prompts",
                   .argument = "FILE",
                   .help = "one prompt per line, or JSONL (.jsonl) with text",
                   .values = Values::file},
                  {.name = "no-special",
                   .argument = "",
                   .help = "leave out the template's special tokens (BOS, EOS)"},
                  json_option(
                      "print one JSON line per prompt: id, text, ids, texts, offsets, special")},
      .examples = {{"lensbench tokenize --model models/kjv-gpt2 --prompt \"And God said\"",
                    "one token per line"}}};
}

}  // namespace lensbench::cli
