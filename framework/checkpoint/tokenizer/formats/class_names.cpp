// Written by tests/parity/make_tokenizer_classes.py from transformers 5.24.0.
#include "checkpoint/tokenizer/formats/class_names.hpp"

namespace lensbench {
namespace {

struct Row {
  std::string_view name;
  std::string_view members;  // separated by spaces
};

// Class that is taken for a stated class.
constexpr Row kClasses[] = {
    {"AlbertTokenizer", "AlbertTokenizer"},
    {"BertTokenizer",
     "BertTokenizer DistilBertTokenizer LxmertTokenizer MobileBertTokenizer "
     "SqueezeBertTokenizer"},
    {"CodeGenTokenizer", "CodeGenTokenizer"},
    {"GPT2Tokenizer", "GPT2Tokenizer"},
    {"GPTNeoXTokenizer", "GPTNeoXTokenizer"},
    {"GemmaTokenizer", "GemmaTokenizer"},
    {"LlamaTokenizer", "LlamaTokenizer"},
    {"Qwen2Tokenizer", "Qwen2Tokenizer"},
    {"Qwen3_5Tokenizer", "Qwen3_5Tokenizer"},
    {"RobertaTokenizer", "BartTokenizer LEDTokenizer MvpTokenizer RobertaTokenizer"},
    {"T5Tokenizer", "T5Tokenizer"},
    {"TokenizersBackend", "BloomTokenizer PreTrainedTokenizer TokenizersBackend"},
    {"XLMRobertaTokenizer", "XLMRobertaTokenizer"},
};

// Classes that this program does not build.
constexpr std::string_view kRefused =
    "BarthezTokenizer BartphoTokenizer BasicTokenizer BertGenerationTokenizer "
    "BertJapaneseTokenizer BertTokenizerLegacy BertweetTokenizer BigBirdTokenizer "
    "BioGptTokenizer BlenderbotSmallTokenizer BlenderbotTokenizer ByT5Tokenizer "
    "CLIPTokenizer CTRLTokenizer CamembertTokenizer CanineTokenizer "
    "CharacterTokenizer ClvpTokenizer CodeLlamaTokenizer CohereTokenizer "
    "ConvBertTokenizer CpmAntTokenizer CpmTokenizer DPRContextEncoderTokenizer "
    "DPRQuestionEncoderTokenizer DPRReaderTokenizer DebertaTokenizer "
    "DebertaV2Tokenizer DiaTokenizer EsmTokenizer EsmcTokenizer FNetTokenizer "
    "FSMTTokenizer FastSpeech2ConformerTokenizer FlaubertTokenizer FunnelTokenizer "
    "GPTNeoXJapaneseTokenizer GPTSw3Tokenizer HerbertTokenizer LasrTokenizer "
    "LayoutLMv2Tokenizer LayoutLMv3Tokenizer LayoutXLMTokenizer LukeTokenizer "
    "M2M100Tokenizer MBart50Tokenizer MBartTokenizer MLukeTokenizer MPNetTokenizer "
    "MarianTokenizer MarkupLMTokenizer MecabTokenizer MgpstrTokenizer MyT5Tokenizer "
    "NllbTokenizer NougatTokenizer OpenAIGPTTokenizer PLBartTokenizer "
    "ParakeetTokenizer PegasusTokenizer PerceiverTokenizer PhobertTokenizer "
    "Pop2PianoTokenizer ProphetNetTokenizer RagTokenizer ReformerTokenizer "
    "RemBertTokenizer RoCBertTokenizer RoFormerTokenizer SeamlessM4TTokenizer "
    "Siglip2Tokenizer SiglipTokenizer Speech2TextTokenizer SpeechT5Tokenizer "
    "SplinterTokenizer TapasTokenizer Tipsv2Tokenizer UdopTokenizer "
    "VideoPrismTokenizer VitsTokenizer Wav2Vec2CTCTokenizer "
    "Wav2Vec2PhonemeCTCTokenizer WhisperTokenizer WordpieceTokenizer XGLMTokenizer "
    "XLMTokenizer XLNetTokenizer ";

// Class that is registered for a model type.
constexpr Row kModels[] = {
    {"AlbertTokenizer", "albert yoso"},
    {"BartTokenizer", "florence2"},
    {"BarthezTokenizer", "barthez"},
    {"BartphoTokenizer", "bartpho"},
    {"BertJapaneseTokenizer", "bert-japanese"},
    {"BertTokenizer",
     "align bark bert blip bros chinese_clip convbert distilbert electra ernie flava "
     "git grounding-dino layoutlm megatron-bert mm-grounding-dino nezha nomic_bert "
     "qdqbert realm retribert squeezebert tvp vilt visual_bert"},
    {"BertweetTokenizer", "bertweet"},
    {"BigBirdTokenizer", "big_bird"},
    {"BioGptTokenizer", "biogpt"},
    {"BlenderbotSmallTokenizer", "blenderbot-small"},
    {"BlenderbotTokenizer", "blenderbot"},
    {"ByT5Tokenizer", "byt5"},
    {"CLIPTokenizer",
     "aimv2 clip clipseg groupvit omdet-turbo oneformer owlv2 owlvit sam3 sam3_video "
     "xclip"},
    {"CTRLTokenizer", "ctrl"},
    {"CamembertTokenizer", "camembert"},
    {"CanineTokenizer", "canine"},
    {"ClvpTokenizer", "clvp"},
    {"CodeLlamaTokenizer", "code_llama"},
    {"CohereTokenizer", "aya_vision cohere cohere2"},
    {"CpmAntTokenizer", "cpmant"},
    {"CpmTokenizer", "cpm"},
    {"DPRQuestionEncoderTokenizer", "dpr"},
    {"DebertaTokenizer", "deberta"},
    {"DebertaV2Tokenizer", "deberta-v2"},
    {"DiaTokenizer", "dia"},
    {"EsmTokenizer", "esm"},
    {"EsmcTokenizer", "esmc esmfold2"},
    {"FNetTokenizer", "fnet"},
    {"FSMTTokenizer", "fsmt"},
    {"FlaubertTokenizer", "flaubert"},
    {"FunnelTokenizer", "funnel"},
    {"GPT2Tokenizer",
     "blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip "
     "instructblipvideo jais2 opt phi starcoder2"},
    {"GPTNeoXJapaneseTokenizer", "gpt_neox_japanese"},
    {"GPTNeoXTokenizer", "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm"},
    {"GemmaTokenizer",
     "diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text "
     "recurrent_gemma shieldgemma2 t5gemma zaya"},
    {"HerbertTokenizer", "herbert"},
    {"LEDTokenizer", "led"},
    {"LasrTokenizer", "lasr_ctc lasr_encoder"},
    {"LayoutLMv2Tokenizer", "layoutlmv2"},
    {"LayoutLMv3Tokenizer", "layoutlmv3"},
    {"LayoutXLMTokenizer", "layoutxlm"},
    {"LlamaTokenizer", "idefics idefics2"},
    {"LukeTokenizer", "luke"},
    {"LxmertTokenizer", "lxmert"},
    {"MBart50Tokenizer", "mbart50"},
    {"MBartTokenizer", "mbart"},
    {"MPNetTokenizer", "mpnet"},
    {"MarkupLMTokenizer", "markuplm"},
    {"MgpstrTokenizer", "mgp-str"},
    {"MobileBertTokenizer", "mobilebert"},
    {"MvpTokenizer", "mvp"},
    {"MyT5Tokenizer", "myt5"},
    {"NllbTokenizer", "nllb nllb-moe"},
    {"NougatTokenizer", "nougat pp_formulanet"},
    {"OpenAIGPTTokenizer", "openai-gpt"},
    {"PLBartTokenizer", "plbart"},
    {"ParakeetTokenizer",
     "granite_speech5_ctc nemotron3_5_asr nemotron_asr_streaming omniasr_ctc "
     "parakeet_ctc parakeet_rnnt parakeet_tdt"},
    {"PegasusTokenizer", "pegasus"},
    {"PerceiverTokenizer", "perceiver"},
    {"PhobertTokenizer", "phobert"},
    {"ProphetNetTokenizer", "prophetnet"},
    {"Qwen2Tokenizer",
     "audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl internvl "
     "lighton_ocr moss_transcribe_diarize ovis2 qianfan_ocr qwen2 qwen2_5_omni "
     "qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl qwen3 qwen3_asr qwen3_moe qwen3_next "
     "qwen3_omni_moe qwen3_vl qwen3_vl_moe vibevoice"},
    {"Qwen3_5Tokenizer", "qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp"},
    {"RagTokenizer", "rag"},
    {"ReformerTokenizer", "reformer"},
    {"RemBertTokenizer", "rembert"},
    {"RoCBertTokenizer", "roc_bert"},
    {"RoFormerTokenizer", "roformer"},
    {"RobertaTokenizer",
     "bart bridgetower clap data2vec-text ibert lilt longformer mega mra roberta "
     "roberta-prelayernorm"},
    {"SeamlessM4TTokenizer", "seamless_m4t seamless_m4t_v2"},
    {"Siglip2Tokenizer", "siglip2"},
    {"SplinterTokenizer", "splinter"},
    {"T5Tokenizer", "mt5 musicgen musicgen_melody switch_transformers t5"},
    {"TapasTokenizer", "tapas"},
    {"TokenizersBackend",
     "EvollaModel arctic aria beam bigbird_pegasus camembertv2-base canary chatlm "
     "cohere_asr ernie4_5 ernie4_5_moe flex_olmo fuyu glm glm4 glm4_moe glm4_moe_lite "
     "glm4v glm4v_moe glm_image glmasr got_ocr2 gpt_bigcode gradium_phonon_tts granite "
     "granitemoe granitemoehybrid granitemoeshared h2ovl_chat hyperclovax "
     "hyperclovax_vlm internlm2 internlm3 iquestcoder jamba kimi_k25 kimi_linear "
     "kosmos-2 llava llava_next mimo_v2_flash minicpm3 minicpm_ocr minicpmv "
     "minicpmv4_6 minicpmv4_7 minimax_m2 ministral ministral3 mistral mistral3 "
     "mistral_large4 mixtral modernbert modernbert-decoder molmo molmo2 nemo_speechlm "
     "nemotron nvfp4 nystromformer olmo2 olmo3 olmo_hybrid omniasr opencua openvla "
     "paddleocr_vl pegasus_x persimmon phi3 phi3_v phimoe pix2struct pixtral "
     "pocket_tts smolvlm stablelm step3_vl umt5 vipllava voxtral voxtral_realtime xlm- "
     "roberta-xl"},
    {"UdopTokenizer", "udop"},
    {"VideoPrismTokenizer", "videoprism"},
    {"VitsTokenizer", "vits"},
    {"Wav2Vec2CTCTokenizer",
     "data2vec-audio hubert unispeech unispeech-sat wav2vec2 wav2vec2-bert "
     "wav2vec2-conformer"},
    {"Wav2Vec2PhonemeCTCTokenizer", "wav2vec2_phoneme"},
    {"WhisperTokenizer", "whisper"},
    {"XGLMTokenizer", "xglm"},
    {"XLMRobertaTokenizer", "gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod"},
    {"XLMTokenizer", "xlm"},
    {"XLNetTokenizer", "xlnet"},
};

// Model types whose published folders state a wrong class.
constexpr std::string_view kStatedWrongly =
    "arctic camembertv2-base chatlm cohere_asr ernie4_5 ernie4_5_moe fuyu h2ovl_chat "
    "hyperclovax hyperclovax_vision_v2 hyperclovax_vlm internlm2 internlm3 "
    "iquestcoder jamba llava llava_next minicpm3 minicpmv minimax_m2 modernbert "
    "modernbert-decoder molmo molmo2 nemotron nvfp4 opencua openvla paddleocr_vl phi3 "
    "phi3_v phimoe qwen2 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp siglip2 "
    "smolvlm step3_vl vipllava ";

bool contains_word(std::string_view words, std::string_view word) {
  for (std::size_t at = words.find(word); at != std::string_view::npos;
       at = words.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' '))
      return true;
  }
  return false;
}

template <std::size_t kCount>
std::string_view row_with(const Row (&rows)[kCount], std::string_view word) {
  if (word.empty()) return {};
  for (const Row& row : rows)
    if (contains_word(row.members, word)) return row.name;
  return {};
}

}  // namespace

std::string_view class_taken_for(std::string_view stated) {
  return row_with(kClasses, stated);
}

std::string_view class_of_model_type(std::string_view model_type) {
  return row_with(kModels, model_type);
}

bool is_refused_class(std::string_view stated) {
  return !stated.empty() && contains_word(kRefused, stated);
}

bool states_wrong_class(std::string_view model_type) {
  return !model_type.empty() && contains_word(kStatedWrongly, model_type);
}

}  // namespace lensbench
