"""Small tokenizers of each style, trained by the `tokenizers` library on a few lines of text."""
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

from tokenizer_samples import CODE, CONTRACTIONS, DIGITS, EMOJI, MULTILINGUAL

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
          r"|\s*[\r\n]|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CORPUS = (MULTILINGUAL + EMOJI + CODE + DIGITS + CONTRACTIONS) * 3 + [
    "In the beginning God created the heaven and the earth. And the earth was without form, and void; and "
    "darkness was upon the face of the deep. And the Spirit of God moved upon the face of the waters."] * 5


def train(tokenizer, vocab_size, special, alphabet=(), **options):
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=special, initial_alphabet=list(alphabet), show_progress=False, **options))
    return tokenizer


def byte_level(split, vocab_size, special, normalizer=None, trim=False, template=None):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    steps = [pre_tokenizers.Split(Regex(s) if isinstance(s, str) else s[0], "isolated") for s in split]
    byte = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=trim, use_regex=not split)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps + [byte]) if split else byte
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, vocab_size, special, pre_tokenizers.ByteLevel.alphabet())
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim)
    return tokenizer


def gpt2_style():
    tokenizer = byte_level([], 700, ["<|endoftext|>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def llama3_style():
    tokenizer = byte_level([LLAMA3], 700, ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True, add_prefix_space=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B",
                                      special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))])])
    tokenizer.model.ignore_merges = True
    return tokenizer


def llama2_style():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    train(tokenizer, 800, ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)], max_token_length=12,
          limit_alphabet=120)
    # The byte tokens are vocabulary, not added tokens: only the three remain in the file below.
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return without_added(tokenizer, lambda content: not content.startswith("<0x"))


def without_added(tokenizer, keep):
    import json
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if keep(t["content"])]
    return Tokenizer.from_str(json.dumps(data))


def metaspace_style():
    """Prepends only at the start, splits at spaces, no byte fallback, added tokens of every kind."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                       pre_tokenizers.Metaspace(prepend_scheme="first")])
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    train(tokenizer, 600, ["<unk>", "<cls>", "<sep>"], limit_alphabet=200)
    tokenizer.add_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("<R>", rstrip=True, normalized=False),
                          AddedToken("word", single_word=True), AddedToken("Big Token", normalized=True)])
    tokenizer.post_processor = processors.BertProcessing(("<sep>", 2), ("<cls>", 1))
    return tokenizer


def suffix_style():
    """End-of-word suffix and white-space words, as the first GPT; NFD."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()])
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return train(tokenizer, 600, ["<unk>"], end_of_word_suffix="</w>")


def prefix_style():
    """Continuing-subword prefix, split at white space, RoBERTa's frame."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"))
    tokenizer.normalizer = normalizers.NFKD()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    train(tokenizer, 600, ["<unk>", "<s>", "</s>"], continuing_subword_prefix="##")
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1), trim_offsets=True, add_prefix_space=True)
    return tokenizer


def gemma_style():
    """A Split at a string, and spaces replaced before it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False, fuse_unk=False))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return train(tokenizer, 600, ["<unk>", "<bos>", "<eos>"])


STYLES = {
    "gpt2": gpt2_style,
    "llama3": llama3_style,
    "llama2": llama2_style,
    "metaspace": metaspace_style,
    "suffix": suffix_style,
    "prefix": prefix_style,
    "gemma": gemma_style,
    "cl100k": lambda: byte_level([CL100K], 600, ["<|endoftext|>"]),
    "o200k": lambda: byte_level([O200K], 600, ["<|endoftext|>"]),
    "deepseek": lambda: byte_level([r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK], 600, ["<|end|>"]),
    "qwen2": lambda: byte_level([LLAMA3.replace("{1,3}", "")], 600, ["<|endoftext|>"], normalizers.NFC()),
}
