#include <iostream>
#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>
#include <nlohmann/json.hpp>

#include "checkpoint/hub_cache.hpp"
#include "checkpoint/tokenizer/formats/foreign_tokenizer.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/given_cases.hpp"
#include "cli/parse/options.hpp"

namespace lensbench::cli {
namespace {

/// Token per line: index, id, text in the notation of JSON, and the bytes of the prompt it covers.
void print_plain(const CaseInput& input, const Encoding& encoding, const Tokenizer& tokenizer) {
  std::cout << input.id << ": " << encoding.ids.size() << " tokens\n";
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    std::cout << "  " << i << "\t" << encoding.ids[i] << "\t"
              << nlohmann::json(tokenizer.token_text(encoding.ids[i])).dump();
    // Tokens that the tokenizer added cover no bytes of the prompt.
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
  // JSON cannot hold invalid UTF-8 of a prompt; it is shown as U+FFFD, which the tokenizer also
  // read.
  std::cout << nlohmann::json{{"id", input.id},
                              {"text", input.text},
                              {"ids", encoding.ids},
                              {"texts", texts},
                              {"offsets", encoding.offsets},
                              {"special", encoding.special}}
                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
            << "\n";
}

/// \throws InputError if the folder lacks a tokenizer in a known format
std::shared_ptr<const Tokenizer> required_tokenizer(const std::filesystem::path& directory) {
  const auto tokenizer = Tokenizer::open(directory);
  if (!tokenizer) {
    // The model may have a tokenizer in another format: the message says how to convert it.
    const auto foreign = explain_foreign_tokenizer(directory);
    throw InputError(
        !foreign.empty()
            ? foreign
            : directory.string() +
                  ": a tokenizer is missing (tokenizer.json, vocab.json with merges.txt, or "
                  "vocab.txt); run and tool take token ids for it, as in --ids \"1 2 3\"");
  }
  return tokenizer;
}

}  // namespace

int run_tokenize(const Options& options) {
  if (options.list("prompt").empty() && options.text("prompts").empty())
    throw UsageError("tokenize: prompts are missing; give --prompt TEXT or --prompts FILE");
  const auto tokenizer = required_tokenizer(resolve_model_directory(options.text("model")));
  for (const auto& input : read_cases(options.list("prompt"), {}, options.text("prompts"))) {
    if (!input.ids.empty())
      throw InputError("tokenize: case '" + input.id + "' holds ids; give a text to tokenize");
    const auto encoding = tokenizer->encode(input.text, !options.flag("no-special"));
    if (options.flag("json"))
      print_json(input, encoding, *tokenizer);
    else
      print_plain(input, encoding, *tokenizer);
  }
  return 0;
}

}  // namespace lensbench::cli
