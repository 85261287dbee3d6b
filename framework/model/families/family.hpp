#pragma once

#include <lensbench/spec.hpp>
#include <string_view>
#include <vector>

#include "checkpoint/config.hpp"
#include "model/weights/family_settings.hpp"
#include "model/weights/weight_taker.hpp"
#include "model/weights/weights.hpp"

namespace lensbench {

/// Model family: functions that read its config and take its weights.
struct Family {
  std::string_view model_type;  ///< `model_type` of config.json
  /// Prefix of tensor names that some checkpoints have and others lack.
  std::string_view optional_prefix;
  /// Names (globs, without that prefix) of tensors that are not weights: buffers saved by older
  /// versions.
  std::vector<std::string_view> buffers;
  /// Reads config.json. \throws InputError that names a missing, malformed or unsupported field
  TransformerSpec (*read_spec)(const ConfigReader& config);
  /// Takes every weight. The taker records missing and misshapen tensors.
  ModelWeights (*take_weights)(const TransformerSpec& spec, WeightTaker& taker);
  /// Class in transformers, for `architectures` of a new config.json.
  std::string_view architecture;
  /// Reads the settings that TransformerSpec does not have; nullptr: the family has none of them.
  FamilySettings (*read_settings)(const ConfigReader& config,
                                  const TransformerSpec& spec) = nullptr;

  FamilySettings settings(const ConfigReader& config, const TransformerSpec& spec) const {
    return read_settings == nullptr ? FamilySettings{} : read_settings(config, spec);
  }
};

/// All families, in the order of listings.
const std::vector<Family>& family_table();

/// Family of a config. \throws InputError that names `model_type` and the supported families
const Family& find_family(const ConfigReader& config);

extern const Family kGpt2Family;
extern const Family kLlamaFamily;
extern const Family kGptNeoFamily;
extern const Family kGptJFamily;
extern const Family kGptNeoxFamily;
extern const Family kOptFamily;
extern const Family kBloomFamily;
extern const Family kFalconFamily;
extern const Family kBertFamily;
extern const Family kRobertaFamily;
extern const Family kDistilBertFamily;
extern const Family kMistralFamily;
extern const Family kMixtralFamily;
extern const Family kQwen2Family;
extern const Family kQwen3Family;
extern const Family kGemmaFamily;
extern const Family kGemma2Family;
extern const Family kGemma3Family;
extern const Family kPhiFamily;
extern const Family kPhi3Family;
extern const Family kStableLmFamily;
extern const Family kOlmo2Family;
extern const Family kStarCoder2Family;
extern const Family kOlmoFamily;
extern const Family kOlmo3Family;
extern const Family kSeedOssFamily;
extern const Family kSmolLm3Family;
extern const Family kGraniteFamily;
extern const Family kCohereFamily;
extern const Family kCohere2Family;
extern const Family kNemotronFamily;
extern const Family kGlmFamily;
extern const Family kGlm4Family;
extern const Family kErnie45Family;
extern const Family kExaone4Family;
extern const Family kMinistralFamily;
extern const Family kMinistral3Family;
extern const Family kApertusFamily;
extern const Family kGptBigCodeFamily;
extern const Family kCodeGenFamily;
extern const Family kXglmFamily;
extern const Family kMptFamily;
extern const Family kOlmoeFamily;
extern const Family kQwen2MoeFamily;
extern const Family kQwen3MoeFamily;
extern const Family kGraniteMoeFamily;
extern const Family kGptOssFamily;
extern const Family kDeepSeekV2Family;
extern const Family kDeepSeekV3Family;
extern const Family kPhimoeFamily;
extern const Family kLlama4Family;
extern const Family kQwen2VlFamily;
extern const Family kQwen25VlFamily;

}  // namespace lensbench
