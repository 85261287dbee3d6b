"""Texts and small tokenizers that tokenizer_parity.py and make_tokenizer_data.py share."""
import random
import unicodedata

MULTILINGUAL = [
    "Hello world! Don't you think it's 12,345.67 o'clock?", "The quick brown fox jumps over it.",
    "Das ist ein Größenvergleich, nicht wahr? Straße, STRASSE.", "L'été à Noël: où êtes-vous, ça va?",
    "¿Qué tal, señor Muñoz? ¡Mañana!", "Привет, мир! Как дела? Ёлки-палки.", "Γειά σου Κόσμε, τί κάνεις;",
    "你好，世界！今天天气怎么样？", "こんにちは世界。テストです。カタカナ", "안녕하세요 세계! 한국어 테스트.",
    "مرحبا بالعالم، كيف حالك؟ ١٢٣", "שלום עולם, מה שלומך?", "नमस्ते दुनिया, आप कैसे हैं? १२३",
    "สวัสดีชาวโลก สบายดีไหม", "Xin chào thế giới, bạn khỏe không?", "Merhaba dünya, İstanbul'da ışık.",
    "გამარჯობა მსოფლიო", "Բարեւ աշխարհ", "ሰላም ልዑል", "வணக்கம் உலகம்", "🇩🇪🇫🇷 flags",
    "Ａｂｃ　ｆｕｌｌｗｉｄｔｈ １２３", "ﬁne ligature ﬃ ½ ² ① ㎏ ℃ Å", "é vs e\u0301, ñ vs n\u0303, ậ a\u0323\u0302 a\u0302\u0323",
    "각 vs \u1100\u1161\u11a8", "ͅ leading mark", "zalgo: Z̸̡̛̤̀a̷l̵g̴o",
]
EMOJI = ["👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 ❤️ ☺ 🧑🏿‍🚀", "😀😀😀", "a😀b", "🤷‍♂️!", "1️⃣2️⃣", "👨‍💻codes", "😀", "\u200d", "\ufe0f"]
CONTROL = ["\x00", "a\x00b", "\x01\x02\x03", "\x07bell\x1b[31mred\x1b[0m", "\x7f\x80\x9f", "\ufeffBOM", "\u200bzero\u200c\u200d",
           "soft\u00adhyphen", "\u2028line\u2029para", "\u202eRTL\u202c", "\u0085next", "\x1c\x1d\x1e\x1f", "\ufffe\uffff", "\U000e0001tag"]
SPACES = ["", " ", "  ", "   a", "a   ", " a  b   c    d", "\t", "\t\ta\tb", "\n", "\n\n\n", "a\n", "a\n\nb", "a \n b", " \n", "\n ", "\r\n", "a\r\nb\r\r\n",
          "\u00a0", "a\u00a0b", "\u3000\u3000x", "\u1680\u2000\u2001\u202f\u205f", "\u180ea", "a\u180e b", "x" + " " * 17 + "y", " " * 100, "\n" * 50,
          "\t" * 33, " \t\n" * 20, "a" + " " * 200 + "\n" + "b", "  \n\n  \n x", "word \t\n", "\v\f", "end  ", "▁", "▁▁a ▁b", " ▁", "Ġ", "ĠĊ a"]
CODE = ["def f(x):\n    return x**2  # comment\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n", "#include <vector>\r\nint main(){return 0;}",
        "SELECT * FROM t WHERE a='b' AND c>=1.5e-10;", "<html><body class=\"x\">&nbsp;</body></html>", "if(a&&b||!c){}//x", "x=>y->z::w...", "a_b-c.d/e\\f@g#h$i%j^k&l*m",
        "https://example.com/path?q=1&r=%20#frag", "{\"key\": [1, 2.5, null, true]}", "0x1F 1e9 3.14159 1_000_000", "^^^^^^^^", "=" * 80, "-->", "/* */", "''''''", "```python\nprint('hi')\n```"]
DIGITS = ["0", "1", "12", "123", "1234", "12345", "1234567890", "3.14", "1,000,000", "a1b22c333", "٣٤٥", "१२", "²³¹", "ⅣⅫ", "½¼", "2023-11-21T23:59:59Z", "１２３４", "𝟘𝟙𝟚", "一二三"]
CONTRACTIONS = ["I'm you're he's she'd we'll they've don't", "I'M YOU'RE HE'S SHE'D WE'LL THEY'VE DON'T", "'s 't 're 've 'm 'll 'd", "'S'T'RE", "o'clock rock'n'roll", "'ſ 'ſa", "a'ſ",
                "'sa 'ta 'Lla", " 's", "''s", "’s don’t", "'l 'v 'r", "it's's", "\u212a'\u212a"]
INVALID = [b"\xff", b"a\xffb", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82a", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80\xf0\x9f", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80", b"\x80\x80\x80",
           b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"ok \xe4\xbd\xa0\xe5 bad", b"\xfe\xfe\xff\xff", b"\xf0\x80\x80\x80", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"]
SPECIAL = ["{0}", "a{0}b", "a {0} b", "{0}{0}", "  {0}  x", "{0}\n", "\n{0}\n\n{1}", "Hello{1}world {0}", "x{1}", " {1} ", "{0} a{1}é{0}", "{2}", "foo{2}bar {2} baz", "a  {2}  b", "{3}", "no{3}t ({3}) {3}"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PIECES = ["ing", "the", "The", " a", " ", "  ", "\n", "'s", "'LL", "123", "é", "ß", "Ж", "中", "の", "한", "👍", "🏽", "\u200d", "\u0301", "\u0323", "ا", "\t", ".", "...", "!?", "_", "-", "/", "▁", "x", "Q", "<", ">", "|", "\r\n", "\u00a0", "²", "٣"]


def assigned_character(rng):
    while True:
        code = rng.choice([rng.randrange(0x80, 0x3000), rng.randrange(0x3000, 0x10000), rng.randrange(0x10000, 0x20000), rng.randrange(0x110000)])
        if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) != "Cn":
            return chr(code)


def random_texts(rng, count):
    """Half mixtures of pieces that meet at interesting borders, half random Unicode and bytes."""
    for i in range(count):
        kind = i % 4
        if kind in (0, 1):
            yield "".join(rng.choice(PIECES) if rng.random() < 0.7 else "".join(rng.choices(LETTERS, k=rng.randrange(1, 9)))
                          for _ in range(rng.randrange(1, 24)))
        elif kind == 2:
            yield "".join(assigned_character(rng) if rng.random() < 0.6 else rng.choice(PIECES) for _ in range(rng.randrange(1, 16)))
        else:
            raw = bytearray("".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 12))).encode())
            for _ in range(rng.randrange(0, 5)):
                raw[rng.randrange(len(raw))] = rng.randrange(256)
            yield bytes(raw)


def fixed_texts(special):
    """Hand-made texts. `special` are contents of added tokens to put inside text."""
    special = (special or ["<|x|>"])
    names = [special[i % len(special)] for i in range(4)]
    texts = MULTILINGUAL + EMOJI + CONTROL + SPACES + CODE + DIGITS + CONTRACTIONS
    return texts + INVALID + [text.format(*names) for text in SPECIAL]


def texts_for(special, total, seed):
    fixed = fixed_texts(special)
    rng = random.Random(seed)
    texts = fixed + list(random_texts(rng, total))
    for name in special:
        texts += [f"{a}{name}{b}" for a in ("", "x", " ", "é") for b in ("", "y", "  z", "\n")]
    return [t.encode("utf-8", "surrogatepass") if isinstance(t, str) else t for t in texts]
