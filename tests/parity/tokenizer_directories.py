"""Model directories without tokenizer.json, as older checkpoints are, and what transformers makes of them."""
import json

from transformers import BertTokenizer, GPT2Tokenizer, RobertaTokenizer

from tokenizer_styles import STYLES

MASK = dict(lstrip=True, rstrip=False, normalized=False, single_word=False, __type="AddedToken")
BERT_LIKE = dict(do_lower_case=True, strip_accents=False, tokenize_chinese_chars=False, tokenizer_class="DistilBertTokenizer")
OPT = dict(tokenizer_class="GPT2Tokenizer", add_bos_token=True, bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="<pad>")

# name -> (style, tokenizer_config.json or None, class)
DIRECTORIES = {
    "bert_vocab": ("bert", None, BertTokenizer),
    "bert_cased_vocab": ("bert", dict(do_lower_case=False), BertTokenizer),
    "distilbert_vocab": ("bert", BERT_LIKE, BertTokenizer),
    "bert_accents_vocab": ("bert", dict(tokenizer_class="BertTokenizer", do_lower_case=False, strip_accents=True,
                                        mask_token=dict(content="[MASK]", **MASK)), BertTokenizer),
    "gpt2_merges": ("gpt2", dict(tokenizer_class="GPT2Tokenizer", add_prefix_space=True), GPT2Tokenizer),
    "opt_merges": ("roberta", OPT, GPT2Tokenizer),
    "roberta_merges": ("roberta", dict(tokenizer_class="RobertaTokenizer"), RobertaTokenizer),
    "roberta_prefix_merges": ("roberta", dict(tokenizer_class="RobertaTokenizer", add_prefix_space=True,
                                              mask_token=dict(content="<mask>", **MASK)), RobertaTokenizer),
}


def write_directory(name, directory):
    """Writes the files; returns the reference tokenizer."""
    style, config, kind = DIRECTORIES[name]
    data = json.loads(STYLES[style]().to_str())
    vocabulary = data["model"]["vocab"] | {token["content"]: token["id"] for token in data["added_tokens"]}
    directory.mkdir(exist_ok=True)
    if "merges" in data["model"]:
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in data["model"]["merges"]]
        (directory / "vocab.json").write_text(json.dumps(vocabulary))
        (directory / "merges.txt").write_text("\n".join(["#version: 0.2"] + merges) + "\n")
    else:
        (directory / "vocab.txt").write_text("".join(f"{token}\n" for token in sorted(vocabulary, key=vocabulary.get)))
    if config:
        (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    tokenizer = kind.from_pretrained(directory).backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
