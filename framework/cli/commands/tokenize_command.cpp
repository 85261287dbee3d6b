#include <iostream>
#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "checkpoint/hub_cache.hpp"
#include "checkpoint/tokenizer/formats/foreign_tokenizer.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/given_cases.hpp"
#include "cli/commands/pictures/picture_facts.hpp"
#include "cli/commands/run_messages.hpp"
#include "cli/parse/options.hpp"
#include "model/stored_model.hpp"
#include "session/pictures/picture_fields.hpp"
#include "session/pictures/picture_store.hpp"
#include "session/pictures/placeholders.hpp"
#include "session/pictures/prompt_text.hpp"

namespace lensbench::cli {
namespace {

/// A prompt with its tokens, and its pictures if it has any.
struct TokenizedCase {
  CaseInput input;
  Encoding encoding;
  std::vector<PictureFile> pictures = {};
};

/// Token per line: index, id, text in the notation of JSON, and the bytes of the prompt it covers.
void print_plain(const TokenizedCase& one, const Tokenizer& tokenizer) {
  const Encoding& encoding = one.encoding;
  std::cout << one.input.id << ": " << encoding.ids.size() << " tokens\n";
  for (const PictureFile& picture : one.pictures)
    std::cout << "  " << describe_picture(picture) << "\n";
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

void print_json(const TokenizedCase& one, const Tokenizer& tokenizer) {
  const Encoding& encoding = one.encoding;
  std::vector<std::string> texts;
  for (const auto id : encoding.ids) texts.push_back(tokenizer.token_text(id));
  nlohmann::json line = {{"id", one.input.id},          {"text", one.input.text},
                         {"ids", encoding.ids},         {"texts", texts},
                         {"offsets", encoding.offsets}, {"special", encoding.special}};
  for (const PictureFile& picture : one.pictures)
    line["pictures"].push_back(facts_of_picture(picture));
  // JSON cannot hold invalid UTF-8 of a prompt; it is shown as U+FFFD, which the tokenizer also
  // read.
  std::cout << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
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

/// Tokenizes cases; what pictures need is read when the first case has some.
class CaseTokenizer {
 public:
  CaseTokenizer(const Options& options, std::shared_ptr<const Tokenizer> tokenizer)
      : options_(options), tokenizer_(std::move(tokenizer)) {}

  TokenizedCase operator()(CaseInput input) {
    if (!input.ids.empty())
      throw InputError("tokenize: case '" + input.id + "' holds ids; give a text to tokenize");
    const CasePictures asked = take_pictures(input);
    if (!asked.images.empty()) return with_pictures(std::move(input), asked);
    Encoding encoding = encode(input.text);
    return {std::move(input), std::move(encoding)};
  }

 private:
  Encoding encode(const std::string& text) const {
    return tokenizer_->encode(text, !options_.flag("no-special"));
  }

  TokenizedCase with_pictures(CaseInput input, const CasePictures& asked) {
    if (!store_) open_store();
    const PromptReader reader{*tower_, *tokenizer_, directory_};
    TokenizedCase one{std::move(input), {}};
    one.input.text = picture_text(reader, one.input, asked);
    std::vector<vision::PatchGrid> grids;
    for (const std::string& path : asked.images) {
      one.pictures.push_back(store_->files()[store_->add(path)]);
      grids.push_back(one.pictures.back().grid);
    }
    const Encoding encoding = encode(one.input.text);
    check_placeholders(*tower_, encoding.ids, grids, "case '" + one.input.id + "'");
    for (const std::size_t source : expanded_tokens(*tower_, encoding.ids, grids)) {
      one.encoding.ids.push_back(encoding.ids[source]);
      one.encoding.offsets.push_back(encoding.offsets[source]);
      one.encoding.special.push_back(encoding.special[source]);
    }
    return one;
  }

  void open_store() {
    directory_ = resolve_model_directory(options_.text("model"));
    const TransformerSpec spec = read_stored_spec(options_.text("model"));
    if (!spec.vision)
      throw UsageError("tokenize: pictures are given, but models of family '" + spec.family +
                       "' read text only; leave them out");
    tower_ = spec.vision;
    store_.emplace(picture_reading(*tower_, directory_, picture_settings(options_)), 0);
  }

  const Options& options_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::filesystem::path directory_;
  std::optional<VisionSpec> tower_;
  std::optional<PictureStore> store_;
};

}  // namespace

int run_tokenize(const Options& options) {
  const auto tokenizer = required_tokenizer(resolve_model_directory(options.text("model")));
  const GivenCases given =
      given_cases(options.list("prompt"), {}, options.text("prompts"), picture_arguments(options));
  if (given.cases.empty())
    throw UsageError("tokenize: prompts are missing; give --prompt TEXT or --prompts FILE");
  if (const std::string note = note_on_left_out(given); !note.empty()) print_warning(note);
  CaseTokenizer tokenize(options, tokenizer);
  for (const CaseInput& input : given.cases) {
    const TokenizedCase one = tokenize(input);
    if (options.flag("json"))
      print_json(one, *tokenizer);
    else
      print_plain(one, *tokenizer);
  }
  return 0;
}

}  // namespace lensbench::cli
