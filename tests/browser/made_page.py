"""Writes pages of `lensbench report` from data in Python: the fixture of the browser tests.

The product writes pages in C++; here a test can put anything into one, such as a map of 101 layers by
4,000 tokens, or hostile texts, without a run. Needs Python alone.
"""
import array
import base64
import hashlib
import html
import json
import math
import zlib

CODES = {"float32": "f", "float64": "d", "int32": "i", "int64": "q", "int8": "b", "uint8": "B", "uint16": "H"}


def deflate(data):
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return base64.b64encode(packer.compress(data) + packer.flush()).decode()


def quantised(values, kind):
    """Codes and head of `log16`, `linear16`, `log8` or `linear8`: 0 is NaN, others are equal steps."""
    steps = 65534 if kind.endswith("16") else 254
    is_log = kind.startswith("log")
    known = [x for x in values if not math.isnan(x)]
    used = [math.log(x) for x in known if x > 0] if is_log else known
    low, high = min(used), max(used)
    width = (high - low) or 1.0
    codes = []
    for x in values:
        if math.isnan(x):
            codes.append(0)
        elif is_log and x <= 0:
            codes.append(1)
        else:
            codes.append(1 + round(((math.log(x) if is_log else x) - low) / width * steps))
    head = {"encoding": kind, "low": low, "high": low + width}
    if is_log and any(x <= 0 for x in known):
        head["zero"] = True
    if steps == 254:
        head["approximate"] = True
    return codes, head


class Page:
    """Collects blocks, then writes the page."""

    def __init__(self):
        self.blocks = []

    def block(self, values, kind="float32", encoding="plain"):
        values = list(values)
        head = {"block": len(self.blocks), "type": kind, "count": len(values), "encoding": encoding}
        if kind == "strings":
            data = b"".join(str(text).replace("\0", "\ufffd").encode() + b"\0" for text in values)
        elif encoding in ("log16", "linear16", "log8", "linear8"):
            codes, more = quantised(values, encoding)
            head.update(more)
            data = array.array("H" if encoding.endswith("16") else "B", codes).tobytes()
        else:
            data = array.array(CODES[kind], values).tobytes()
        self.blocks.append(deflate(data))
        return head

    def codes(self, data, **head):
        """A block of codes that are made already, a byte each, of `linear8`."""
        self.blocks.append(deflate(data))
        return {"block": len(self.blocks) - 1, "type": "float32", "count": len(data), "encoding": "linear8", "approximate": True, **head}

    def values(self, head):
        """The values of a plain block of numbers."""
        return array.array(CODES[head["type"]], zlib.decompress(base64.b64decode(self.blocks[head["block"]]), -15))

    def changes(self, ids, layers):
        """Ids of all layers: 0 where the id is that of the layer below, else id + 1."""
        stride = len(ids) // layers
        codes = [0 if i >= stride and ids[i - stride] == x else x + 1 for i, x in enumerate(ids)]
        return self.block(codes, "int32", "changes")

    def variable(self, name, dims, parts, unit="1", view="general", kind="float32", encoding="plain", **more):
        """A variable; `parts` is a list of (case or None, shape, values)."""
        entries = []
        for case, shape, values in parts:
            if encoding == "changes":
                block = self.changes(values, shape[0])
            else:
                block = self.block(values, "strings" if kind == "string" else kind, encoding)
            entries.append({"case": case, "shape": shape, "block": block})
        return {"name": name, "long_name": more.pop("long_name", name.replace("_", " ")), "description": "",
                "unit": unit, "view": view, "dims": dims, "type": kind, "is_token_id": more.pop("ids", False),
                "signed": more.pop("signed", False), "attributes": more.pop("attributes", {}), "parts": entries, **more}

    def cases(self, ids, texts, chosen, columns=(), failed=None):
        failed = failed or {}
        n = len(ids)
        return {
            "count": n, "id": self.block(ids, "strings"), "text": self.block(texts, "strings"),
            "status": self.block([2 if i in failed else 1 for i in range(n)], "int8"),
            "error": self.block([failed.get(i, "") for i in range(n)], "strings"),
            "tokens": self.block([len(text.split()) for text in texts], "int32"),
            "seconds": self.block([0.01 * (i % 17) + 0.2 for i in range(n)]),
            "columns": [{"name": name, "unit": unit, "block": self.block(values)} for name, unit, values in columns],
            "chosen": chosen}

    def write(self, index, script, start, style, static="<h1>static</h1>"):
        """The page; `start` is the script that unpacks and runs `script`."""
        packed = deflate(json.dumps(index, allow_nan=False, ensure_ascii=False).encode())
        hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in (start, script))
        policy = (f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
                  "base-uri 'none'; form-action 'none'")
        blocks = "".join(f'<script type="text/plain" id="block-{i}">{b}</script>\n' for i, b in enumerate(self.blocks))
        return (f'<!doctype html>\n<html lang="en" data-page-format="1"><head><meta charset="utf-8">\n'
                f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
                f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
                f'<title>{html.escape(index["archives"][0]["title"])}</title>\n<style>{style}</style></head>\n'
                f'<body><div id="static">{static}</div><div id="app"></div>\n'
                f'<script type="text/plain" id="index">{packed}</script>\n{blocks}<script type="text/plain" id="script">{deflate(script.encode())}</script>\n<script>{start}</script></body></html>\n')


def archive(page, **entries):
    """An archive of the index with all members that the page expects."""
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("results", "recipe", "environment", "seal")}
    return {
        "file": "made.h5", "title": "made.h5", "complete": True, "experiment": "", "experiment_version": "",
        "tools": ["made_tool"], "model": "made-model", "architecture": "gpt2", "digests": digests, "verified": True,
        "format": 2, "request": {"top_k": 5, "prompts": "prompts.jsonl"},
        "files": [{"role": "weights", "name": "model.safetensors", "sha256": "5b" * 32, "bytes": 497774208}],
        "plugins": [{"name": "made_tool", "version": "1.0.0", "sha256": "1f" * 32, "tools": "made_tool"}],
        "environment": [["libtorch", "1.13.1"], ["threads", "2"]], "run": [["started", "2026-11-01T10:00:00Z"]],
        "commands": {"verify": "lensbench verify made.h5", "replay": "lensbench replay made.h5", "show": "lensbench show made.h5"},
        "receipts": [], "vocabulary": {"id": page.block([], "int32"), "text": page.block([], "strings")},
        "results": [], "profile": [], **entries}


def index_of(archives, kind="single", **more):
    return {"page_format": 1, "generator": "lensbench 1.0.0", "kind": kind, "archives": archives,
            "max_bytes": 2097152, "left_out": [], **more}
