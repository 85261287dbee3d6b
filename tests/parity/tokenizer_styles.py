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


def train_with(tokenizer, trainer):
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def wordpiece(normalizer, vocab_size=500):
    """BERT: WordPiece, its own normalizer and words, [CLS] and [SEP]."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=40))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    train_with(tokenizer, trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=special, limit_alphabet=160,
                                                    show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def bert_cased_style():
    tokenizer = wordpiece(normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False), 600)
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def roberta_style():
    tokenizer = byte_level([], 600, ["<s>", "<pad>", "</s>", "<unk>"], trim=True)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tokenizer


def charsmap(rules):
    """A SentencePiece normalization table (darts-clone double array of strings, then what each becomes)."""
    texts, offsets = b"", {}
    for after in sorted(set(rules.values())):
        offsets[after] = len(texts)
        texts += after.encode() + b"\0"
    tree = {}
    for before, after in rules.items():
        node = tree
        for byte in before.encode():
            node = node.setdefault(byte, {})
        node[0] = offsets[after]
    units, used = {0: 0}, {0}

    def place(node, at):
        base = next(b for b in range(1, 1 << 20) if not any((b ^ label) in used for label in node))
        units[at] |= (at ^ base) << 10 | (0 in node) << 8
        used.update(base ^ label for label in node)
        for label, child in node.items():
            units[base ^ label] = label if label else child | 1 << 31
        for label, child in node.items():
            if label:
                place(child, base ^ label)

    place(tree, 0)
    array = b"".join(units.get(i, 0).to_bytes(4, "little") for i in range(max(units) + 256))
    return len(array).to_bytes(4, "little") + array + texts


# Rules of nmt_nfkc: spaces, full width, ligatures, compositions, characters that vanish, and one rule whose
# string starts with another's.
CHARSMAP = charsmap(
    {chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}
    | {c: " " for c in "\t\n\r\u00a0\u3000\u2003\u2028"}
    | {c: "" for c in "\x01\x07\x1b\u00ad\u200b\u200c"}
    | {"ﬁ": "fi", "ﬃ": "ffi", "½": "1⁄2", "①": "1", "㎏": "kg", "℃": "°C", "e\u0301": "é", "n\u0303": "ñ", "Å": "Å", "…": "...",
       "ﾞ": "\u3099", "か\u3099": "が", "\u0323": "", "²": "2", "\u0627\u0653": "آ"})


def unigram(normalizer, pre_tokenizer, special, vocab_size=500, unk="<unk>", **model):
    import json
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    train_with(tokenizer, trainers.UnigramTrainer(vocab_size=vocab_size, special_tokens=special, unk_token=unk, show_progress=False))
    if model:
        data = json.loads(tokenizer.to_str())
        data["model"].update(model)
        tokenizer = Tokenizer.from_str(json.dumps(data))
    return tokenizer


def t5_style():
    """Unigram after a normalization table; </s> at the end."""
    words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer = unigram(normalizers.Precompiled(CHARSMAP), words, ["<pad>", "</s>", "<unk>"])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<extra_id_1>", "<extra_id_0>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def albert_style():
    table = normalizers.Precompiled(CHARSMAP)
    tokenizer = unigram(normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(),
        normalizers.Lowercase(), table]), pre_tokenizers.Metaspace(), ["<pad>", "<unk>", "[CLS]", "[SEP]"])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def xlm_style():
    """Spaces squeezed by a regular expression, Metaspace at the first word only, no words split."""
    tokenizer = unigram(normalizers.Sequence([normalizers.Precompiled(CHARSMAP), normalizers.Replace(Regex(" {2,}"), " ")]),
                        pre_tokenizers.Metaspace(prepend_scheme="first", split=False), ["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
                                                             special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def unigram_bytes_style():
    """Unigram with byte fallback, Nmt, no prefix."""
    words = pre_tokenizers.Metaspace(prepend_scheme="never")
    special = ["<unk>"] + [f"<0x{b:02X}>" for b in range(256)]
    tokenizer = unigram(normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()]), words, special, 560, byte_fallback=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="never")])
    return without_added(tokenizer, lambda content: not content.startswith("<0x"))


def falcon_style():
    tokenizer = byte_level(["x"], 600, ["<|endoftext|>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])
    return tokenizer


BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"


def bloom_style():
    tokenizer = byte_level([BLOOM], 600, ["<unk>", "<s>", "</s>", "<pad>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def neox_style():
    """Runs of spaces as added tokens that are looked for in the normalized text."""
    tokenizer = byte_level([], 600, ["<|endoftext|>", "<|padding|>"], normalizers.NFC(), trim=True)
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)])
    return tokenizer


def phi3_style():
    """Llama 2 with added tokens that take the white space after them."""
    tokenizer = llama2_style()
    tokenizer.add_special_tokens([AddedToken("<|user|>", rstrip=True, normalized=False), AddedToken("<|end|>", rstrip=True, normalized=False)])
    return tokenizer


STYLES = {
    "bert": lambda: wordpiece(normalizers.BertNormalizer()),
    "bert_cased": bert_cased_style,
    "roberta": roberta_style,
    "t5": t5_style,
    "albert": albert_style,
    "xlm": xlm_style,
    "unigram_bytes": unigram_bytes_style,
    "falcon": falcon_style,
    "bloom": bloom_style,
    "neox": neox_style,
    "phi3": phi3_style,
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
