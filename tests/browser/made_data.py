"""Made-up archives for the pages of the browser tests, one function each; see PAGES."""
import base64
import math
import random
import struct
import zlib

from made_page import Page, archive, index_of

TEXT = [" the", " God", " of", " Abraham", ",", " of", " Isaac", ",", " and", " of", " Jacob", "\n", " שלום", " 神"]
WORDS = TEXT + [" all", " heaven", " people", " king", " days", "’s", " house", " Lord", " earth", " is"]


def token_axis(page, cases):
    return {str(case): {"start": 0, "count": len(texts), "position": page.block(range(len(texts)), "int32"),
                        "input_id": page.block([WORDS.index(t) if t in WORDS else 0 for t in texts], "int32"),
                        "input_token": page.block(texts, "strings")} for case, texts in cases.items()}


def dim(name, size, labels=None):
    return {"name": name, "size": size, "labels": labels}


def lens_values(draw, layers, tokens):
    """Probability that grows along layers, entropy that falls, ranks that fall."""
    p, entropy, rank = [], [], []
    for layer in range(layers):
        for t in range(tokens):
            x = (layer + 1) / layers
            q = max(0.0002, min(0.98, x ** (2 + 3 * draw.random()) * (0.3 + 0.7 * math.sin(t * 1.7 + 1) ** 2)))
            p.append(q)
            entropy.append(6 * (1 - q) * (0.6 + 0.4 * draw.random()))
            rank.append(max(1, round((1 - q) ** 3 * 900 * draw.random() + 1)))
    return p, entropy, rank


def lens_result(page, draw, cases, layers=13, encoding="plain", prefix="", name="lens", axis="layer"):
    """A result with probability, entropy, KL, rank, logit and top-5 tokens on a layer by token map."""
    values = {case: lens_values(draw, layers, len(texts)) for case, texts in cases.items()}
    parts = lambda at: [(case, [layers, len(cases[case])], values[case][at]) for case in cases]
    top_id, top_p = [], []
    for case, texts in cases.items():
        n = len(texts)
        final = [draw.randrange(len(WORDS)) for _ in range(n)]
        ids, ps = [], []
        for layer in range(layers):
            for t in range(n):
                q = values[case][0][layer * n + t]
                first = final[t] if layer > layers * (0.35 + 0.5 * ((t * 7) % 5) / 5) else (final[t] + layer + 3) % len(WORDS)
                for k in range(5):
                    ids.append((first + 5 * k) % len(WORDS))
                    ps.append(q * 0.5 ** k)
        top_id.append((case, [layers, n, 5], ids))
        top_p.append((case, [layers, n, 5], ps))
    map_dims = [axis, "token"]
    made = [
        page.variable(prefix + "top_id", map_dims + ["rank"], top_id, view="heatmap", kind="int32", ids=True, encoding="changes"),
        page.variable(prefix + "top_probability", map_dims + ["rank"], top_p, view="heatmap"),
        page.variable(prefix + "target_probability", map_dims, parts(0), view="heatmap", encoding=encoding, long_name="probability of the target"),
        page.variable(prefix + "entropy", map_dims, parts(1), "nats", "heatmap", encoding=encoding, long_name="entropy of the distribution"),
        page.variable(prefix + "kl_final_to_layer", map_dims, [(c, s, [x * 0.7 for x in v]) for c, s, v in parts(1)], "nats", "heatmap", encoding=encoding),
        page.variable(prefix + "target_rank", map_dims, parts(2), "1", "trajectory", encoding=encoding, long_name="rank of the target"),
        page.variable(prefix + "target_logit", map_dims, [(c, s, [20 * x - 4 for x in v]) for c, s, v in parts(0)], "1", "trajectory", encoding=encoding, signed=True),
    ]
    return {"name": name, "tool": name, "attributes": {"layers": layers}, "dims": [dim(axis, layers, None), dim("token", sum(map(len, cases.values()))), dim("rank", 5)],
            "tokens": token_axis(page, cases), "variables": made}


def signed(draw, n, size=1.0):
    return [draw.gauss(0, size) * (3 if draw.random() < 0.08 else 1) for _ in range(n)]


def attribution_result(page, draw, cases):
    layers, heads = 12, 12
    names = ["embed"] + [f"{kind}_{block}" for block in range(layers) for kind in ("attn", "mlp")]
    n = lambda case: len(cases[case])
    each = lambda dims, make: [(case, [*dims, n(case)], make(math.prod(dims) * n(case))) for case in cases]
    made = [
        page.variable("logit_contribution", ["component", "token"], each([len(names)], lambda k: signed(draw, k)), "1", "bars", signed=True, long_name="contribution to the logit of the target"),
        page.variable("ablation_effect", ["component", "token"], each([len(names)], lambda k: signed(draw, k, 0.7)), "1", "bars", signed=True, long_name="change of the logit without the component"),
        page.variable("head_contribution", ["layer", "head", "token"], each([layers, heads], lambda k: signed(draw, k, 0.4)), "1", "heatmap", signed=True, long_name="contribution of each head"),
        page.variable("sum_residual", ["token"], [(case, [n(case)], signed(draw, n(case), 1e-4)) for case in cases], "1", "general", signed=True),
    ]
    return {"name": "attribution", "tool": "attribution", "attributes": {}, "dims": [dim("component", len(names), page.block(names, "strings")), dim("layer", layers), dim("head", heads), dim("token", 0)],
            "tokens": token_axis(page, cases), "variables": made}


def token_result(page, draw, cases):
    rows = lambda make: [(case, [len(t)], [make(i) for i in range(len(t))]) for case, t in cases.items()]
    top = [(case, [len(t), 5], [draw.randrange(len(WORDS)) for _ in range(5 * len(t))]) for case, t in cases.items()]
    top_p = [(case, [len(t), 5], [p for _ in t for p in (0.5, 0.2, 0.1, 0.04, 0.02)]) for case, t in cases.items()]
    made = [
        page.variable("surprisal", ["token"], rows(lambda i: abs(draw.gauss(3, 2.5)) if i else float("nan")), "nats", "tokens", long_name="surprisal of the token"),
        page.variable("saliency", ["token"], rows(lambda i: draw.gauss(0, 1)), "1", "tokens", signed=True, long_name="gradient times input"),
        page.variable("top_id", ["token", "rank"], top, view="tokens", kind="int32", ids=True),
        page.variable("top_probability", ["token", "rank"], top_p, view="tokens"),
    ]
    return {"name": "analysis", "tool": "analysis", "attributes": {}, "dims": [dim("token", 0), dim("rank", 5)], "tokens": token_axis(page, cases), "variables": made}


def generation_result(page, draw, cases):
    rows = lambda make: [(case, [len(t)], [make(i) for i in range(len(t))]) for case, t in cases.items()]
    start = 5
    top = [(case, [len(t), 5], [draw.randrange(len(WORDS)) for _ in range(5 * len(t))]) for case, t in cases.items()]
    top_p = [(case, [len(t), 5], [p for _ in t for p in (0.42, 0.23, 0.11, 0.06, 0.03)]) for case, t in cases.items()]
    made = [
        page.variable("chosen_id", ["token"], [(case, [len(t)], [WORDS.index(x) for x in t]) for case, t in cases.items()], view="generation", kind="int32", ids=True),
        page.variable("generated", ["token"], rows(lambda i: int(i >= start)), view="generation", kind="int8"),
        page.variable("chosen_probability", ["token"], rows(lambda i: draw.random() * 0.6), view="generation"),
        page.variable("chosen_rank", ["token"], rows(lambda i: draw.choice([1, 1, 1, 2, 3, 7])), view="generation", kind="int32"),
        page.variable("margin", ["token"], rows(lambda i: draw.random()), view="generation"),
        page.variable("entropy", ["token"], rows(lambda i: draw.random() * 5), "nats", "generation"),
        page.variable("sampling_candidates", ["token"], rows(lambda i: draw.randrange(1, 40)), view="generation", kind="int32"),
        page.variable("sampling_probability", ["token"], rows(lambda i: draw.random() * 0.8), view="generation"),
        page.variable("top_id", ["token", "rank"], top, view="generation", kind="int32", ids=True),
        page.variable("top_probability", ["token", "rank"], top_p, view="generation"),
    ]
    return {"name": "trace", "tool": "trace", "attributes": {"temperature": 0.8, "top_k": 40, "top_p": 0.95}, "dims": [dim("token", 0), dim("rank", 5)], "tokens": token_axis(page, cases), "variables": made}


def attention_rows(draw, heads, n):
    values = []
    for head in range(heads):
        for q in range(n):
            row = [math.exp(-abs(q - k - head % 4) * (0.3 + head % 3)) + (1.5 if k == 0 else 0) + 0.05 * draw.random() if k <= q else 0.0 for k in range(n)]
            total = sum(row)
            values.extend(x / total for x in row)
    return values


def attention_result(page, draw, cases, blocks=3, heads=8, encoding="plain"):
    parts = [(case, [blocks, heads, len(t), len(t)], attention_rows(draw, blocks * heads, len(t))) for case, t in cases.items()]
    made = [page.variable("pattern", ["block", "head", "query_position", "key_position"], parts, view="attention", encoding=encoding, long_name="attention weight")]
    # The positions of a pattern are the tokens of the case.
    return {"name": "attention", "tool": "attention", "attributes": {}, "dims": [dim("block", blocks), dim("head", heads), dim("query_position", 0), dim("key_position", 0)],
            "tokens": token_axis(page, cases), "variables": made}


def patching_result(page, draw, cases):
    parts = [(case, [12, len(t)], [max(-0.3, min(1.2, math.exp(-((b - 6) / 4) ** 2 - ((k - 3) / 2) ** 2) * 1.1 + draw.gauss(0, 0.06))) for b in range(12) for k in range(len(t))]) for case, t in cases.items()]
    made = [page.variable("recovery", ["block", "token"], parts, view="patching", signed=True, long_name="share of the effect that is recovered"),
            page.variable("head_recovery", ["block", "head"], [(None, [12, 12], signed(draw, 144, 0.2))], view="patching", signed=True)]
    return {"name": "patching", "tool": "patching", "attributes": {"clean": " the God of Abraham", "corrupted": " the God of Pharaoh"}, "dims": [dim("block", 12), dim("head", 12), dim("token", 0)],
            "tokens": token_axis(page, cases), "variables": made}


def statistics_result(page, draw):
    names = ["logit lens", "tuned lens", "ablation", "gradient", "random"]
    effect = [0.62, 0.71, 0.33, 0.12, 0.01]
    made = [
        page.variable("effect", ["method"], [(None, [5], effect)], view="statistics", long_name="mean agreement", interval="effect_interval", attributes={"statistics": "10,000 bootstrap draws over cases, seed 1"}),
        page.variable("effect_interval", ["method", "bound"], [(None, [5, 2], [x + d for x in effect for d in (-0.09, 0.08)])], view="statistics"),
        page.variable("p_value", ["method"], [(None, [5], [0.0001, 0.0001, 0.004, 0.21, 0.93])], view="statistics"),
        page.variable("p_adjusted", ["method"], [(None, [5], [0.0005, 0.0005, 0.01, 0.3, 0.93])], view="statistics"),
        page.variable("head_test", ["block", "head"], [(None, [12, 8], signed(draw, 96, 0.5))], view="statistics", signed=True, long_name="effect of each head"),
        page.variable("head_test_p_adjusted", ["block", "head"], [(None, [12, 8], [draw.random() ** 3 for _ in range(96)])], view="statistics"),
    ]
    return {"name": "statistics", "tool": "", "attributes": {}, "dims": [dim("method", 5, page.block(names, "strings")), dim("bound", 2, page.block(["low", "high"], "strings")), dim("block", 12), dim("head", 8)], "variables": made}


def graph_result(page, draw):
    nodes = [(layer, t) for layer in range(8) for t in range(8)]
    edges = [(a, b) for a in range(len(nodes)) for b in range(len(nodes)) if nodes[b][0] == nodes[a][0] + 1 and nodes[b][1] >= nodes[a][1] and draw.random() < 0.5]
    weight = signed(draw, len(edges), 0.5)
    made = [
        page.variable("edge_source", ["edge"], [(None, [len(edges)], [a for a, _ in edges])], view="graph", kind="int32"),
        page.variable("edge_target", ["edge"], [(None, [len(edges)], [b for _, b in edges])], view="graph", kind="int32"),
        page.variable("edge_weight", ["edge"], [(None, [len(edges)], weight)], view="graph", signed=True),
        page.variable("node_layer", ["node"], [(None, [len(nodes)], [n[0] for n in nodes])], view="graph", kind="int32"),
        page.variable("node_token", ["node"], [(None, [len(nodes)], [n[1] for n in nodes])], view="graph", kind="int32"),
    ]
    labels = page.block([f"feature {i}" for i in range(len(nodes))], "strings")
    return {"name": "graph", "tool": "", "attributes": {}, "dims": [dim("edge", len(edges)), dim("node", len(nodes), labels)], "variables": made}


def table_result(page, draw):
    facts = ["Paris", "Rome", "Cairo", "Lima"]
    made = [
        page.variable("log_probability", ["fact"], [(None, [4], [-0.2, -1.4, -3.3, -5.1])], "nats", "table"),
        page.variable("answer", ["fact"], [(None, [4], ["Paris", "Rome", "cairo", "Lima?"])], view="table", kind="string"),
        page.variable("perplexity", [], [(None, [], [23.7])], view="general"),
        page.variable("cube", ["layer", "head", "alpha"], [(None, [4, 6, 5], signed(draw, 120))], view="general", signed=True),
        page.variable("quantile", ["layer"], [(None, [12], [math.sin(i / 3) + 1.2 for i in range(12)])], view="general"),
        page.variable("note", ["fact"], [(None, [4], ["a", "b", "c", "d"])], view="general", kind="string"),
        page.variable("huge", ["layer"], [], view="general", left_out="The variable has 4 GB. lensbench export made.h5 facts/huge --format npz"),
    ]
    return {"name": "facts", "tool": "facts", "attributes": {}, "dims": [dim("fact", 4, page.block(facts, "strings")), dim("layer", 12), dim("head", 6), dim("alpha", 5)], "variables": made}


def image_result(page, draw):
    """Rectangles of a picture of 224 by 160 pixels whose last column and row are narrower."""
    boxes = [x for y in range(0, 160, 32) for left in range(0, 224, 48) for x in (left, y, min(224, left + 48), y + 32)]
    n = len(boxes) // 4
    made = [page.variable("relevance", ["layer", "image_token"], [(None, [6, n], [abs(draw.gauss(0, 1)) for _ in range(6 * n)])], view="image", long_name="relevance of each rectangle"),
            page.variable("rectangle", ["image_token", "side"], [(None, [n, 4], boxes)], view="general"),
            # The value of concept c at the first rectangle of the last layer is -4 c, the least of all is -8.
            page.variable("concept_log_probability", ["layer", "image_token", "concept"], [(None, [6, n, 3], [-4.0 * c for _ in range(6 * n) for c in range(3)])], "nats", "image")]
    return {"name": "vision", "tool": "", "attributes": {}, "dims": [dim("layer", 6), dim("image_token", n), dim("side", 4), dim("concept", 3, page.block(["cat", "dog", "old boat"], "strings"))], "variables": made}


def grades_result(page, draw):
    entries = ["patching, noising", "integrated gradients", "zero ablation", "direct attribution", "norm of the output"] * 2
    value = [1.0, 1.0, 0.98, 0.62, 0.49, 0.9, 0.7, 0.8, 0.75, 0.5]
    shape = [10, 2]
    both = lambda f: [(None, shape, [y for x in value for y in (f(x), f(x) * 0.9)])]
    made = [page.variable("value", ["entry", "metric"], both(lambda x: x), view="grades")]
    made += [page.variable(name, ["entry", "metric"], both(lambda x, d=d: x + d), view="grades") for name, d in (("low", -0.04), ("high", 0.03))]
    made += [page.variable(name, ["entry", "metric"], both(lambda x, c=c: c), view="grades") for name, c in (("random_low", 0.46), ("random_high", 0.55), ("shuffled_low", 0.6), ("shuffled_high", 0.67))]
    # The second metric of the second question does not have values, and smaller values are better.
    made += [page.variable("question", ["entry"], [(None, [10], ["components"] * 5 + ["places of the stream"] * 5)], kind="string"),
             page.variable("claim", ["entry"], [(None, [10], ["effect.noise", "effect.total", "effect.zero", "effect.dla", "importance"] * 2)], kind="string"),
             page.variable("better", ["metric"], [(None, [2], ["larger", "smaller"])], kind="string"),
             page.variable("story", ["entry"], [(None, [10], [""] * 3 + ["direct attribution misses indirect work"] + [""] * 6)], kind="string")]
    return {"name": "scores", "tool": "", "attributes": {}, "dims": [dim("entry", 10, page.block(entries, "strings")), dim("metric", 2, page.block(["AUROC", "error"], "strings"))], "variables": made}


def map_result(page, draw):
    made = [page.variable("effect", ["layer", "alpha"], [(None, [12, 7], [k * (1 + layer) / 40 for layer in range(12) for k in range(-3, 4)])], "nats", "heatmap", signed=True)]
    return {"name": "steering", "tool": "", "attributes": {}, "dims": [dim("layer", 12), dim("alpha", 7, page.block([str(k) for k in range(-3, 4)], "strings"))], "variables": made}


def receipts():
    return [
        {"result": "lens", "name": "lens_equals_logits", "value": 3.1e-2, "tolerance": 1e-4, "passed": False, "cases": 3, "failed_cases": ["prompt-3"], "worst_case": "prompt-3"},
        {"result": "lens", "name": "probabilities_sum_to_one", "value": 2e-7, "tolerance": 1e-5, "passed": True, "cases": 3, "failed_cases": [], "worst_case": "prompt-1"},
        {"result": "attribution", "name": "contributions_sum_to_logit", "value": 4e-6, "tolerance": 1e-3, "passed": True, "cases": 3, "failed_cases": [], "worst_case": "prompt-2"},
    ]


def whole():
    """An archive with data for every view."""
    draw = random.Random(1)
    page = Page()
    cases = {0: TEXT[:11], 1: TEXT, 2: (TEXT * 3)[:36]}
    small = {0: TEXT[:11], 1: TEXT}
    names = ["prompt-1", "prompt-2", "prompt-3"]
    lens = lens_result(page, draw, cases)
    for point in ("attn_out_", "mlp_out_"):
        lens["variables"] += lens_result(page, draw, small, 12, prefix=point, axis="block")["variables"]
    entry = archive(
        page, title="kjv-gpt2: where the answer appears", experiment="prediction_trajectory", experiment_version="1.0", model="kjv-gpt2", tools=["lens", "attribution", "analysis"],
        cases=page.cases(names, ["".join(t) for t in cases.values()], [0, 1, 2], [("mean surprisal", "nats", [2.2, 3.1, 2.7]), ("final entropy", "nats", [1.2, 2.0, float("nan")])], {2: "lens: the value is not finite at layer 3"}),
        vocabulary={"id": page.block(range(len(WORDS)), "int32"), "text": page.block(WORDS, "strings")}, receipts=receipts(),
        profile=[{"tool": "lens", "seconds": 3.2, "bytes": 12000000, "cases": 3}, {"tool": "attribution", "seconds": 1.1, "bytes": 4000000, "cases": 3}, {"tool": "analysis", "seconds": 0.3, "bytes": 90000, "cases": 3}],
        profile_blocks=[{"block": b, "component": c, "calls": 3, "seconds": draw.random(), "allocated_bytes": 1000000 * b + 5, "peak_bytes": 2000000, "weight_bytes": 7000000} for b in range(12) for c in ("attn", "mlp", "norm")],
        results=[lens, token_result(page, draw, cases), attribution_result(page, draw, small), generation_result(page, draw, small),
                 attention_result(page, draw, small), patching_result(page, draw, small), statistics_result(page, draw), graph_result(page, draw), table_result(page, draw),
                 image_result(page, draw), grades_result(page, draw), map_result(page, draw)])
    more = [{"what": "attention of case prompt-3", "command": "lensbench show made.h5 attention --case prompt-3"}]
    return page, index_of([entry], left_out=more)


def large(layers=101, tokens=4000):
    """The largest map that the limits name."""
    draw = random.Random(2)
    page = Page()
    texts = [WORDS[(7 * i) % len(WORDS)] for i in range(tokens)]
    values = lens_values(draw, layers, tokens)
    ids = [(t * 5 + (layer // (6 + t % 9))) % len(WORDS) for layer in range(layers) for t in range(tokens)]
    shape = [layers, tokens]
    made = [
        page.variable("target_probability", ["layer", "token"], [(0, shape, values[0])], view="heatmap", encoding="log16"),
        page.variable("entropy", ["layer", "token"], [(0, shape, values[1])], "nats", "heatmap", encoding="linear16"),
        page.variable("target_rank", ["layer", "token"], [(0, shape, values[2])], view="trajectory", encoding="log16"),
        page.variable("top_id", ["layer", "token", "rank"], [(0, [layers, tokens, 1], ids)], view="heatmap", kind="int32", ids=True, encoding="changes"),
    ]
    result = {"name": "lens", "tool": "lens", "attributes": {}, "dims": [dim("layer", layers), dim("token", tokens), dim("rank", 1)], "tokens": token_axis(page, {0: texts}), "variables": made}
    entry = archive(page, cases=page.cases(["long"], ["".join(texts)[:200]], [0]), results=[result],
                    vocabulary={"id": page.block(range(len(WORDS)), "int32"), "text": page.block(WORDS, "strings")})
    return page, index_of([entry])


def falling_rows(n, reach):
    """Codes of a pattern in which each token looks at those before it, the less the farther they are."""
    far_to_near = bytes(1 + round(254 * math.exp(-(n - 1 - k) / reach)) for k in range(n))
    return b"".join(far_to_near[n - 1 - q:] + b"\x01" * (n - 1 - q) for q in range(n))


def heads(count=64, n=1024):
    """Attention patterns of many heads over a long text, all of them in the page."""
    page = Page()
    texts = [WORDS[(7 * i) % len(WORDS)] for i in range(n)]
    block = page.codes(b"".join(falling_rows(n, 1.5 + head) for head in range(count)), low=0.0, high=1.0)
    pattern = page.variable("pattern", ["block", "head", "query_position", "key_position"], [], view="attention", long_name="attention weight")
    pattern["parts"] = [{"case": 0, "shape": [1, count, n, n], "block": block}]
    result = {"name": "attention", "tool": "attention", "attributes": {}, "dims": [dim("block", 1), dim("head", count)], "tokens": token_axis(page, {0: texts}), "variables": [pattern]}
    return page, index_of([archive(page, cases=page.cases(["long"], ["".join(texts)[:200]], [0]), results=[result])])


def many(count=10000):
    """An archive with many cases."""
    draw = random.Random(3)
    page = Page()
    ids = [f"prompt-{i}" for i in range(count)]
    texts = [" ".join(draw.choice(WORDS).strip() or "x" for _ in range(12)) for _ in range(count)]
    columns = [("mean surprisal", "nats", [draw.random() * 8 for _ in ids]), ("final entropy", "nats", [draw.random() * 5 for _ in ids]), ("settled layer", "1", [draw.randrange(13) for _ in ids])]
    entry = archive(page, cases=page.cases(ids, texts, [], columns, {7: "tokens: 5,000 tokens (at most 1,024)"}))
    return page, index_of([entry])


HOSTILE = ["</script><img src=x onerror=\"document.title='broken'\">", "<svg onload=alert(1)>", "\u202eevil", "' onfocus='x", "${1}", "</style><b>", "\x00\x01", "=cmd|' /C calc'!A0", "javascript:alert(1)", "&lt;i&gt;"]


def hostile():
    """Texts that would do harm in a page that took them for HTML."""
    draw = random.Random(4)
    page = Page()
    cases = {0: HOSTILE}
    evil = HOSTILE[0]
    lens = lens_result(page, draw, {0: HOSTILE})
    lens["name"] = evil
    lens["attributes"] = {evil: evil}
    for one in lens["variables"]:
        one["long_name"] += evil
    tokens = token_result(page, draw, cases)
    entry = archive(page, title=evil, file=evil, model=evil, experiment=evil, tools=[evil], request={evil: evil},
                    environment=[[evil, evil]], files=[{"role": evil, "name": evil, "sha256": evil, "bytes": 1}],
                    cases=page.cases([evil], [evil], [0], [(evil, evil, [1.0])], {0: evil}), results=[lens, tokens],
                    receipts=[{"result": evil, "name": evil, "value": 1, "tolerance": 0, "passed": False, "cases": 1, "failed_cases": [evil], "worst_case": evil}],
                    vocabulary={"id": page.block(range(len(WORDS)), "int32"), "text": page.block([(HOSTILE * 3)[i] for i in range(len(WORDS))], "strings")},
                    complete=False, incomplete=evil, profile=[{"tool": evil, "seconds": 1, "bytes": 1, "cases": 1}])
    return page, index_of([entry], left_out=[{"what": evil, "command": evil}])


def pixels():
    """A map whose colours are known: 0, 1 and steps between them."""
    page = Page()
    values = [0.0, 1.0, 0.5, 0.25, 0.75, 0.1, 0.9, float("nan"), 0.333, 0.6, 0.0, 1.0]
    made = [page.variable("target_probability", ["layer", "token"], [(0, [3, 4], values)], view="heatmap")]
    result = {"name": "lens", "tool": "", "attributes": {}, "dims": [dim("layer", 3), dim("token", 4)], "tokens": token_axis(page, {0: TEXT[:4]}), "variables": made}
    return page, index_of([archive(page, cases=page.cases(["only"], ["".join(TEXT[:4])], [0]), results=[result])])


def comparison(b_text=TEXT[:4] + [" the", " king"] + TEXT[5:9], pairs=[(i, i) for i in range(4)] + [(4, -1), (-1, 4), (-1, 5)] + [(i, i + 1) for i in range(5, 9)], points=()):
    """Two archives whose texts differ by a token."""
    draw = random.Random(5)
    page = Page()
    a_text = TEXT[:9]
    entries = []
    for name, text in (("a.h5", a_text), ("b.h5", b_text)):
        lens = lens_result(page, draw, {0: text})
        for point in points:
            lens["variables"] += lens_result(page, draw, {0: text}, prefix=point)["variables"]
        entries.append(archive(page, file=name, title=name, cases=page.cases(["prompt-1"], ["".join(text)], [0]), results=[lens],
                               vocabulary={"id": page.block(range(len(WORDS)), "int32"), "text": page.block(WORDS, "strings")}))
    more = {"recipe": [{"field": "model.file", "a": "kjv-gpt2/model.safetensors", "b": "kjv-gpt2-tuned/model.safetensors"}], "verdict": "differs",
            "variables": [{"result": "lens", "name": "entropy", "verdict": "differs", "max_difference": 1.3, "where": "layer 4, token 9 “ of”"},
                          {"result": "lens", "name": "top_id", "verdict": "within tolerance", "max_difference": 1e-7, "where": "layer 1, token 2"},
                          {"result": "lens", "name": "extra", "verdict": "only in A", "max_difference": None, "where": ""}],
            "alignment": [{"a_case": 0, "b_case": 0, "pairs": page.block([x for x, _ in pairs] + [y for _, y in pairs], "int32")}]}
    return page, index_of(entries, "comparison", comparison=more)


def alike():
    """Two archives with one text, and maps at two points."""
    return comparison(TEXT[:9], [(i, i) for i in range(9)], ["attn_out_"])


def ideographs():
    """A map whose rows have names of six ideographs, or of ten letters."""
    page = Page()
    names = {"wide": ["神の国は近い", "神は光である"], "narrow": ["aaaaaaaaaa", "bbbbbbbbbb"]}
    results = [{"name": name, "tool": "", "attributes": {}, "dims": [dim("component", 2, page.block(rows, "strings")), dim("method", 3)],
                "variables": [page.variable("effect", ["component", "method"], [(None, [2, 3], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])], view="heatmap")]} for name, rows in names.items()]
    return page, index_of([archive(page, cases=page.cases([], [], []), results=results)])


def fewer_ranks():
    """The first two ranks of an archive that has three."""
    page = Page()
    logits = page.variable("top_logit", ["layer", "token", "rank"], [(0, [2, 2, 2], [float(i) for i in range(8)])])
    result = {"name": "lens", "tool": "", "attributes": {}, "dims": [dim("layer", 2), dim("token", 2), dim("rank", 3, page.block(["1", "2", "3"], "strings"))],
              "tokens": token_axis(page, {0: TEXT[:2]}), "variables": [logits]}
    return page, index_of([archive(page, cases=page.cases(["only"], ["".join(TEXT[:2])], [0]), results=[result])])


def png(width, height):
    """A PNG file of a red and green ramp."""
    rows = b"".join(b"\0" + bytes(x for column in range(width) for x in (255 * column // width, 255 * row // height, 90)) for row in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pictured():
    """A case with three pictures of 84 by 56 pixels, of which the page does not have the second one."""
    page = Page()
    number = [k // 6 for k in range(18)]
    edges = {"x0": [28 * (k % 3) for k in range(18)], "y0": [28 * (k // 3 % 2) for k in range(18)]}
    edges.update(x1=[x + 28 for x in edges["x0"]], y1=[y + 28 for y in edges["y0"]])
    made = [page.variable("relevance", ["layer", "image_token"], [(0, [2, 18], [k / 36 for k in range(36)])], view="image", long_name="relevance of each rectangle")]
    made += [page.variable(name, ["image_token"], [(0, [18], values)]) for name, values in {"image": number, **edges}.items()]
    result = {"name": "vision", "tool": "", "attributes": {}, "dims": [dim("layer", 2), dim("image_token", 18)], "variables": made}
    address = "data:image/png;base64," + base64.b64encode(png(42, 28)).decode()
    held = lambda name: {"name": name, "sha256": "ab" * 32, "width": 84, "height": 56, "source": page.block([address], "strings")}
    images = [held("first.png"), {"name": "second.png", "sha256": "cd" * 32, "reason": "its file has changed since the run"}, held("<b>third.png")]
    return page, index_of([archive(page, cases=page.cases(["only"], ["a text"], [0]), results=[result], images={"0": images})])


def forms():
    """One pattern with all of its numbers, with codes of 16 and of 8 bits, and one of a model that looks ahead."""
    draw, page, n = random.Random(11), Page(), 150
    texts = [WORDS[(7 * i) % len(WORDS)] for i in range(n)]
    values, ahead = attention_rows(draw, 3, n), [draw.random() for _ in range(3 * n * n)]
    made = [page.variable(name, ["head", "query_position", "key_position"], [(0, [3, n, n], rows)], view="attention", encoding=encoding)
            for name, rows, encoding in (("plain", values, "plain"), ("fine", values, "linear16"), ("logarithmic", values, "log16"), ("coarse", values, "linear8"),
                                         ("ahead", ahead, "plain"), ("ahead_coded", ahead, "linear8"))]
    result = {"name": "attention", "tool": "attention", "attributes": {}, "dims": [dim("head", 3)], "tokens": token_axis(page, {0: texts}), "variables": made}
    return page, index_of([archive(page, cases=page.cases(["only"], ["a text"], [0]), results=[result])])


def blank():
    """An archive without results: every view says why it is empty."""
    page = Page()
    return page, index_of([archive(page, cases=page.cases([], [], []))])


PAGES = {"whole": whole, "large": large, "heads": heads, "many": many, "hostile": hostile, "pixels": pixels, "comparison": comparison, "alike": alike, "pictured": pictured, "ideographs": ideographs, "fewer_ranks": fewer_ranks, "forms": forms, "blank": blank}
