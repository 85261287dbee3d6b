#include <iostream>
#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>
#include <nlohmann/json.hpp>

#include "checkpoint/hub_cache.hpp"
#include "checkpoint/tokenizer/foreign_tokenizer.hpp"
#include "cli/commands.hpp"
#include "cli/prompts.hpp"
#include "cli/simple_options.hpp"

namespace lensbench::cli {
namespace {

constexpr const char* kHelp =
    R"(lensbench tokenize --model DIR [--prompt TEXT]... [--prompts FILE] [--json]

Ids, texts and byte offsets of each prompt, with the special tokens the tokenizer's template adds.

  --model DIR      a model directory, or a hub name in the local hub cache
  --prompt TEXT    may be repeated
  --prompts FILE   one prompt a line, or JSONL with "text"
  --no-special     leave the template's special tokens (BOS, EOS) out
  --json           one JSON line a prompt: id, text, ids, texts, offsets, special
)";

void print_plain(const CaseInput& input, const Encoding& encoding, const Tokenizer& tokenizer) {
  std::cout << input.id << ": " << encoding.ids.size() << " tokens\n";
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    std::cout << "  " << i << "\t" << encoding.ids[i] << "\t"
              << nlohmann::json(tokenizer.token_text(encoding.ids[i])).dump();
    if (encoding.special[i])
      std::cout << "\tadded";
    else
      std::cout << "\t" << encoding.offsets[i].first << "-" << encoding.offsets[i].second;
    std::cout << "\n";
  }
}

void print_json(const CaseInput& input, const Encoding& encoding, const Tokenizer& tokenizer) {
  std::vector<std::string> texts;
  for (const auto id : encoding.ids) texts.push_back(tokenizer.token_text(id));
  // The prompt may hold invalid UTF-8, which JSON cannot: shown as U+FFFD, as the tokenizer read
  // it.
  std::cout << nlohmann::json{{"id", input.id},
                              {"text", input.text},
                              {"ids", encoding.ids},
                              {"texts", texts},
                              {"offsets", encoding.offsets},
                              {"special", encoding.special}}
                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
            << "\n";
}

}  // namespace

int tokenize_command(const Arguments& arguments) {
  const SimpleOptions options("tokenize", arguments,
                              {{"model", SimpleOptions::one},
                               {"prompt", SimpleOptions::many},
                               {"prompts", SimpleOptions::one}},
                              {"json", "no-special"});
  if (options.flag("help")) {
    std::cout << kHelp;
    return 0;
  }
  if (!options.positional().empty())
    throw UsageError("tokenize: '" + options.positional().front() +
                     "' stands free; did you mean --prompt TEXT?");
  if (options.text("model").empty())
    throw UsageError("tokenize: --model is missing; give a model directory");
  const auto directory = resolve_model_directory(options.text("model"));
  const auto tokenizer = Tokenizer::open(directory);
  if (!tokenizer) {
    const auto foreign = explain_foreign_tokenizer(directory);
    throw InputError(!foreign.empty()
                         ? foreign
                         : directory.string() +
                               ": no tokenizer (tokenizer.json, vocab.json with merges.txt, or "
                               "vocab.txt)");
  }
  for (const auto& input : read_cases(options.list("prompt"), {}, options.text("prompts"))) {
    if (!input.ids.empty())
      throw InputError("tokenize: case '" + input.id + "' holds ids; there is no text to tokenize");
    const auto encoding = tokenizer->encode(input.text, !options.flag("no-special"));
    if (options.flag("json"))
      print_json(input, encoding, *tokenizer);
    else
      print_plain(input, encoding, *tokenizer);
  }
  return 0;
}

}  // namespace lensbench::cli
