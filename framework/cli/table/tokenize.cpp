#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command tokenize_command() {
  return {
      .name = "tokenize",
      .group = "What there is",
      .summary = "ids and texts of a prompt",
      .usage = "--model DIR (--prompt TEXT | --prompts FILE) [options]",
      .description = R"(Ids, texts and byte offsets of each prompt, with the special tokens that the
tokenizer's template adds.)",
      .operands = {},
      .options = {model_option(),
                  {.name = "prompt", .argument = "TEXT", .help = "a prompt", .repeats = true},
                  {.name = "prompts",
                   .argument = "FILE",
                   .help = "one prompt a line, or JSONL (.jsonl) with text",
                   .values = Values::file},
                  {.name = "no-special",
                   .argument = "",
                   .help = "leave the template's special tokens (BOS, EOS) out"},
                  json_option("one JSON line a prompt: id, text, ids, texts, offsets, special")},
      .examples = {{"lensbench tokenize --model models/kjv-gpt2 --prompt \"And God said\"",
                    "one token a line"}}};
}

}  // namespace lensbench::cli
