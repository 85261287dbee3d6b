#include <gtest/gtest.h>

#include <filesystem>

#include "docs/snippet_scope.hpp"
#include "support/contexts.hpp"
#include "support/folders.hpp"

// Calls the blocks of C++ that say with which model they run: a block that throws, or that asks for
// a name the model does not have, fails here.

namespace {

/// A summary over no cases.
class EmptySummary final : public Summary {
 public:
  const std::vector<std::int64_t>& cases() const override { return cases_; }
  Dataset dataset(std::int64_t, const std::string&) const override { return {}; }
  void save(const std::string&, Dataset) override {}
  const CaseInput& input(std::int64_t) const override { return input_; }
  const Parameters& parameters() const override { return parameters_; }
  std::uint64_t seed() const override { return 0; }

 private:
  CaseInput input_;
  std::vector<std::int64_t> cases_;
  Parameters parameters_;
};

void call(const RunnableSnippet& snippet) {
  const auto model = Model::open(lensbench::testing::source_folder() + "/" + snippet.model);
  const Tokens clean = to_tokens(*model, " the God of Abraham, of Isaac, and of");
  const Tokens corrupted = to_tokens(*model, " the God of Abraham, of Jacob, and of");
  const auto id_of = [&](const char* text) {
    return parse_token(model->tokenizer().get(), text, model->spec().vocab_size);
  };
  Context context = lensbench::testing::context_of(model);
  const Parameters parameters;
  CaseInput input;
  input.id = "prompt-1";
  input.text = clean.text;
  Case c = lensbench::testing::case_of(input, context, parameters);
  EmptySummary summary;
  Dataset result;
  snippet.run(model, clean, clean, corrupted, context, parameters, c, summary, result,
              id_of(" Jacob"), id_of(" Isaac"));
}

TEST(Docs, HaveCppThatRuns) {
  ASSERT_FALSE(lensbench_docs_runnable.empty());
  const auto folder = std::filesystem::current_path();
  std::filesystem::current_path(
      lensbench::testing::source_folder());  // documents name models from there
  for (const RunnableSnippet& snippet : lensbench_docs_runnable) {
    std::cout << snippet.where << "\n";
    EXPECT_NO_THROW(call(snippet)) << snippet.where;
  }
  std::filesystem::current_path(folder);
}

}  // namespace
