#include "cli/commands/token_texts.hpp"

#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>
#include <memory>

#include "checkpoint/hub_cache.hpp"
#include "cli/commands/beginning_of_run.hpp"
#include "cli/parse/options.hpp"

namespace lensbench::cli {

TokenText token_texts(const std::filesystem::path& run) {
  std::shared_ptr<const Tokenizer> tokenizer;
  try {
    const BeginningOfRun begun = beginning_of(run);
    const std::string model = options_of(begun).text("model");
    // The recorded path may be relative to the working directory of that time.
    const std::filesystem::path there = begun.directory / model;
    tokenizer = Tokenizer::open(
        std::filesystem::is_directory(there) ? there : resolve_model_directory(model));
  } catch (const Error&) {
  }
  // Drawing does not depend on the texts: numbers are better than no drawing.
  return [tokenizer](std::int64_t id) {
    return tokenizer == nullptr ? "<" + std::to_string(id) + ">" : tokenizer->token_text(id);
  };
}

}  // namespace lensbench::cli
