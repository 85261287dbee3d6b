#include "model/families/family.hpp"

#include <lensbench/model.hpp>

#include "core/text/suggest.hpp"

namespace lensbench {

/// All families that can be opened. A function, because the order in which global objects of
/// several sources are made is not defined.
const std::vector<Family>& family_table() {
  static const std::vector<Family> table = {
      kGpt2Family,       kGptNeoFamily,     kGptJFamily,       kGptNeoxFamily,    kOptFamily,
      kBloomFamily,      kLlamaFamily,      kMistralFamily,    kMixtralFamily,    kQwen2Family,
      kQwen3Family,      kGemmaFamily,      kGemma2Family,     kGemma3Family,     kPhiFamily,
      kPhi3Family,       kStableLmFamily,   kOlmo2Family,      kFalconFamily,     kBertFamily,
      kRobertaFamily,    kDistilBertFamily, kQwen2VlFamily,    kQwen25VlFamily,   kStarCoder2Family,
      kOlmoFamily,       kOlmo3Family,      kSeedOssFamily,    kSmolLm3Family,    kGraniteFamily,
      kCohereFamily,     kCohere2Family,    kNemotronFamily,   kGlmFamily,        kGlm4Family,
      kErnie45Family,    kExaone4Family,    kMinistralFamily,  kMinistral3Family, kApertusFamily,
      kGptBigCodeFamily, kCodeGenFamily,    kXglmFamily,       kMptFamily,        kOlmoeFamily,
      kQwen2MoeFamily,   kQwen3MoeFamily,   kGraniteMoeFamily, kGptOssFamily,     kDeepSeekV2Family,
      kDeepSeekV3Family, kPhimoeFamily,     kLlama4Family};
  return table;
}

std::vector<std::string> model_families() {
  std::vector<std::string> names;
  for (const Family& family : family_table()) names.emplace_back(family.model_type);
  return names;
}

/// The field `model_type` decides, not `architectures`, which names the head too. \throws
/// InputError with the supported families
const Family& find_family(const ConfigReader& config) {
  const std::string model_type = config.string("model_type");
  for (const Family& family : family_table())
    if (family.model_type == model_type) return family;
  config.fail("model_type",
              "is \"" + model_type +
                  "\", which this version cannot open; supported: " + join(model_families(), ", "));
}

}  // namespace lensbench
