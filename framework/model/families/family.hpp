#pragma once

#include <lensbench/export.hpp>
#include <lensbench/spec.hpp>
#include <string_view>
#include <vector>

#include "checkpoint/config.hpp"
#include "model/weights/weight_taker.hpp"
#include "model/weights/weights.hpp"

namespace lensbench {

/// What is special about one family: how its config reads and where its weights lie.
struct Family {
  std::string_view model_type;  ///< `model_type` of config.json
  /// Start of tensor names that some checkpoints have and others leave out.
  std::string_view optional_prefix;
  /// Names (globs, without that prefix) of tensors that are no weights: buffers older versions
  /// saved.
  std::vector<std::string_view> buffers;
  /// \throws InputError naming the field for anything missing, malformed or unsupported
  TransformerSpec (*read_spec)(const ConfigReader& config);
  /// Takes every weight; what is missing or misshapen is noted by the taker.
  ModelWeights (*place)(const TransformerSpec& spec, WeightTaker& taker);
  /// The class of transformers that has this head, for `architectures` of a new config.json.
  std::string_view architecture;
};

/// Every family, in the order they are listed.
const std::vector<Family>& family_table();

/// \throws InputError naming `model_type` and the families there are
LENSBENCH_API const Family& find_family(const ConfigReader& config);

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

}  // namespace lensbench
