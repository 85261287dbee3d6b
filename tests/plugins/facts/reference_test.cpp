// Facts in transformers with float64, by one whole forward for each prompt and object, as
// tests/parity/facts_reference.py writes them.
#include <ATen/TensorOperators.h>

#include "checkpoint/weights/safetensors.hpp"
#include "facts/plan.hpp"
#include "facts/relation_map.hpp"
#include "facts_fixture.hpp"
#include "support/embedded_model.hpp"
#include "support/folders.hpp"
#include "support/word_tokenizer.hpp"

namespace lensbench::facts {
namespace {

// The model runs in float32 here; sums of up to five tokens.
constexpr double kFloat32 = 3e-5;

class FactsReference : public ::testing::TestWithParam<std::string> {
 protected:
  static std::shared_ptr<const Model> model() {
    return GetParam() == "kjv-gpt2" ? Model::open(testing::kModel)
                                    : testing::sample_with_words(GetParam());
  }
  static std::string file() {
    return testing::data_folder() + "/facts/" +
           (GetParam() == "kjv-gpt2" ? "texts.jsonl" : "words.jsonl");
  }
  SafetensorsFile reference_{testing::data_folder() + "/facts/" + GetParam() + ".safetensors"};
};

TEST_P(FactsReference, HasTheSameProbabilitiesRanksAndVerdicts) {
  FactsBench bench(model());
  for (const char* rows : {"64", "1"}) {
    const Dataset result = bench.run({{"facts", file()}, {"trace", "false"}, {"most_rows", rows}});
    for (const char* name : {"log_probability", "prior", "lift", "margin", "template_agreement"}) {
      const at::Tensor expected = reference_.tensor(name), found = result[name].tensor;
      EXPECT_LE((found - expected).abs().max().item<double>(), kFloat32)
          << name << found << expected;
    }
    for (const char* name : {"rank", "candidate_rank", "settled_layer", "asserted"})
      EXPECT_TRUE(result[name].tensor.to(at::kDouble).equal(reference_.tensor(name)))
          << name << result[name].tensor << reference_.tensor(name);
    expect_receipts_hold(result, 3);
  }
}

TEST_P(FactsReference, HasTheSameJacobian) {
  if (GetParam() == "kjv-gpt2") GTEST_SKIP() << "the samples have it";
  const auto sample = model();
  const FactsPlan plan = make_plan(*sample, facts_of_file(file()), {});
  const Prompt& prompt = plan.prompts[plan.facts[1].templates[0].object.prompt];
  EXPECT_EQ(prompt.tokens.text, "t5 t11 t12 t9");
  EXPECT_THAT(prompt.subject, ::testing::ElementsAre(1, 2));
  // 24 rows: whole batches, a batch that is not full, more rows than there are, and one by one.
  for (const std::int64_t rows : {8, 7, 64, 1}) {
    const Linearization found = linearize(*sample, prompt, 1, rows);
    const at::Tensor expected = reference_.tensor("jacobian");
    const double size = expected.abs().max().item<double>();
    EXPECT_LE((found.jacobian - expected).abs().max().item<double>(), kFloat32 * size) << rows;
    EXPECT_LE((found.subject - reference_.tensor("subject")).abs().max().item<double>(), kFloat32);
    EXPECT_LE((found.object - reference_.tensor("object")).abs().max().item<double>(), kFloat32);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, FactsReference, ::testing::Values("gpt2", "llama-gqa", "kjv-gpt2"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace lensbench::facts
