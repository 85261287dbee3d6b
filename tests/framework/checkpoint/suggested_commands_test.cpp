// Commands that messages suggest, for folders whose names a shell or Python would interpret.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/hub_cache.hpp"
#include "checkpoint/tokenizer/formats/foreign_tokenizer.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::TempDir;

const std::string kHarmful = "it's \"a\" $(echo harm) `echo harm` \\ folder";
// By hand: within single quotes a shell interprets nothing but the quote.
const std::string kHarmfulQuoted = "it'\\''s \"a\" $(echo harm) `echo harm` \\ folder";

TEST(SuggestedCommand, QuotesTheFolderOfPickledWeights) {
  const TempDir dir;
  dir.write(kHarmful + "/config.json", R"({"model_type":"gpt2"})");
  dir.write(kHarmful + "/pytorch_model.bin", "");
  EXPECT_THAT(message_of<InputError>([&] { Checkpoint{dir / kHarmful}; }),
              HasSubstr("M.from_pretrained(a[0]).save_pretrained(a[0])' '" + dir.path().string() +
                        "/" + kHarmfulQuoted + "'"));
}

TEST(SuggestedCommand, HasAllBytesOfALongPath) {
  const TempDir dir;
  const std::string name(200, 'x');
  dir.write(name + "/config.json", R"({"model_type":"gpt2"})");
  dir.write(name + "/pytorch_model.bin", "");
  EXPECT_THAT(message_of<InputError>([&] { Checkpoint{dir / name}; }),
              HasSubstr("save_pretrained(a[0])' " + dir.path().string() + "/" + name));
}

TEST(SuggestedCommand, QuotesTheFileOfAQuantizedModel) {
  const TempDir dir;
  dir.write("$(x)'.gguf", "GGUF");
  EXPECT_THAT(message_of<InputError>([&] { Checkpoint{dir.path()}; }),
              HasSubstr("' " + dir.path().string() + " '$(x)'\\''.gguf' '" + dir.path().string() +
                        "/$(x)'\\''-safetensors' ("));
}

TEST(SuggestedCommand, QuotesTheFolderOfATokenizer) {
  const TempDir dir;
  dir.write(kHarmful + "/tokenizer.model", "");
  EXPECT_THAT(explain_foreign_tokenizer(dir / kHarmful),
              HasSubstr("T.from_pretrained(a[0]).save_pretrained(a[0])' '" + dir.path().string() +
                        "/" + kHarmfulQuoted + "' ("));
}

TEST(SuggestedCommand, QuotesTheRevisionOfADownload) {
  EXPECT_THAT(message_of<InputError>([] { resolve_model_directory("a/b@$(x)'"); }),
              HasSubstr("hf download a/b --revision '$(x)'\\'''"));
}

}  // namespace
}  // namespace lensbench
