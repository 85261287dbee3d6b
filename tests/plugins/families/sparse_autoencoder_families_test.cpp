#include <lensbench/hooks.hpp>

#include "families.hpp"
#include "sparse_autoencoder/sparse_autoencoder.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::families {
namespace {

class SparseAutoencoderFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(SparseAutoencoderFamilies, AreTrainedAndReadInTheLastStream) {
  const testing::TempDir folder;
  const std::string text = folder.write("text.jsonl",
                                        "{\"ids\": [3, 1, 4, 1, 2]}\n"
                                        "{\"ids\": [2, 4, 1, 3, 3]}\n");
  const auto model = Model::open(testing::data_folder() + "/models/" + GetParam());
  const TransformerSpec& spec = model->spec();
  const auto found = answer_or_refusal<dictionaries::SparseAutoencoderTool>(
      model, [&](dictionaries::SparseAutoencoderTool& tool, const Tokens& tokens) {
        const bool next = !spec.masked_language_model;
        return tool.train(
            tokens,
            {.text = text,
             .latents = 24,
             .k = 3,
             .steps = 2,
             .tokens_per_step = 5,
             .held_out = 0.5},
            Target::model(),
            {.hook = residual_hook(spec, spec.n_layers), .splice = next, .attribute = next});
      });
  EXPECT_TRUE(found.has_value());
}

INSTANTIATE_TEST_SUITE_P(Samples, SparseAutoencoderFamilies,
                         ::testing::ValuesIn(testing::sample_models()), test_name);

}  // namespace
}  // namespace lensbench::families
