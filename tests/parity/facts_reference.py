#!/usr/bin/env python3
"""Reference values for facts, from transformers in float64: one whole forward for each prompt and object.

Reads tests/data/facts/words.jsonl for the samples of tests/data/models, in which the word tK is token K, and
tests/data/facts/texts.jsonl for the embedded model with its own tokenizer; writes tests/data/facts/NAME.safetensors.

    python tests/parity/facts_reference.py models/kjv-gpt2

Tensors over the facts of the file: log_probability, prior, lift, margin, rank, candidate_rank, settled_layer,
template_agreement, asserted. Of the samples also jacobian, subject, object: the derivative of the last block's output
at the last token by the input of block 1 at the last token of the subject, for the second fact in its first template.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

DATA = Path(__file__).parents[1] / "data"
BLOCKS = {"gpt2": "transformer.h", "llama-gqa": "model.layers", "kjv-gpt2": "transformer.h"}
NORMS = {"gpt2": "transformer.ln_f", "llama-gqa": "model.norm", "kjv-gpt2": "transformer.ln_f"}
MAP_LAYER = 1


def words(text):
    return [int(word[1:]) for word in text.split()]


class Asker:
    def __init__(self, folder, encode):
        self.name = folder.name
        self.model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64)
        self.model.eval().requires_grad_(False)
        self.encode = encode

    def forward(self, ids):
        return self.model(torch.tensor([ids]), use_cache=False, output_hidden_states=True)

    def object_ids(self, prompt, answer):
        whole = self.encode(prompt + " " + answer)
        start = self.encode(prompt)
        assert whole[: len(start)] == start
        return start, whole[len(start) :]

    def log_probability(self, prompt, answer):
        start, ids = self.object_ids(prompt, answer)
        logits = self.forward(start + ids).logits[0]
        found = torch.log_softmax(logits, -1)
        return sum(found[len(start) - 1 + i, token] for i, token in enumerate(ids)).item()

    def rank(self, prompt, answer):
        start, ids = self.object_ids(prompt, answer)
        logits = self.forward(start).logits[0, -1]
        return 1 + (logits > logits[ids[0]]).sum().item()

    def settled_layer(self, prompt, answer):
        start, ids = self.object_ids(prompt, answer)
        states = [state[0, -1] for state in self.forward(start).hidden_states]
        norm, head = self.model.get_submodule(NORMS[self.name]), self.model.get_output_embeddings()
        # The last state is already normalised.
        tops = [head(norm(x)).argmax().item() for x in states[:-1]] + [head(states[-1]).argmax().item()]
        settled = -1
        for layer in reversed(range(len(tops))):
            if tops[layer] != ids[0]:
                break
            settled = layer
        return settled

    def linearize(self, ids, position):
        blocks = self.model.get_submodule(BLOCKS[self.name])
        seen = {}

        def run(stream):
            def enter(_, args, kwargs):
                hidden = args[0] if args else kwargs["hidden_states"]
                seen["subject"] = hidden[0, position].detach()
                if stream is not None:
                    hidden = torch.cat([hidden[:, :position], stream[None, None], hidden[:, position + 1 :]], 1)
                return ((hidden, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": hidden})

            def leave(_, args, output):
                seen["object"] = (output[0] if isinstance(output, tuple) else output)[0, -1]

            handles = [
                blocks[MAP_LAYER].register_forward_pre_hook(enter, with_kwargs=True),
                blocks[-1].register_forward_hook(leave),
            ]
            self.model(torch.tensor([ids]), use_cache=False)
            for handle in handles:
                handle.remove()
            return seen["object"]

        run(None)
        subject, last = seen["subject"], seen["object"]
        return torch.autograd.functional.jacobian(run, subject), subject, last


def median(ranks):
    return sorted(ranks)[(len(ranks) - 1) // 2]


def asked(facts):
    """Each fact with its templates, other candidates and neutral subjects."""
    for fact in facts:
        same = [one for one in facts if one["relation"] == fact["relation"]]
        field = lambda name: next((one[name] for one in [fact, *same] if name in one), None)  # noqa: E731
        known = {one["object"] for one in same if one["subject"] == fact["subject"]}
        answers = field("candidates") or list(dict.fromkeys(one["object"] for one in same))
        having = {one["subject"] for one in same if one["object"] == fact["object"]}
        subjects = field("neutral") or list(dict.fromkeys(one["subject"] for one in same))
        others = [one for one in answers if one not in known]
        neutral = [one for one in subjects if one not in having and one != fact["subject"]]
        yield fact, field("templates"), others, neutral


def reference(asker, facts):
    table = []
    for fact, templates, others, neutral in asked(facts):
        rows = []
        for template in templates:
            prompt = template.replace("{}", fact["subject"])
            own = asker.log_probability(prompt, fact["object"])
            rival = [asker.log_probability(prompt, one) for one in others]
            priors = [asker.log_probability(template.replace("{}", one), fact["object"]) for one in neutral]
            prior = sum(priors) / len(priors)
            margin, rank = own - max(rival), asker.rank(prompt, fact["object"])
            better = 1 + sum(one > own for one in rival)
            rows.append([own, prior, own - prior, margin, rank, better, float(margin > 0 and own > prior)])
        columns = list(zip(*rows))
        mean = [sum(column) / len(column) for column in columns]
        first = templates[0].replace("{}", fact["subject"])
        table.append(
            [*mean[:4], median(columns[4]), median(columns[5]), mean[6], float(mean[6] >= 0.5)]
            + [asker.settled_layer(first, fact["object"])]
        )
    names = ["log_probability", "prior", "lift", "margin", "rank", "candidate_rank", "template_agreement", "asserted"]
    columns = torch.tensor(table, dtype=torch.float64).T.contiguous()
    return {name: columns[i].clone() for i, name in enumerate([*names, "settled_layer"])}


if __name__ == "__main__":
    embedded = Path(sys.argv[1]).resolve()
    tokenizer = AutoTokenizer.from_pretrained(embedded)
    read = lambda name: [json.loads(line) for line in open(DATA / "facts" / name)]  # noqa: E731
    for folder in [DATA / "models" / "gpt2", DATA / "models" / "llama-gqa", embedded]:
        is_sample = folder != embedded
        facts = read("words.jsonl" if is_sample else "texts.jsonl")
        asker = Asker(folder, words if is_sample else lambda text: tokenizer(text)["input_ids"])
        results = reference(asker, facts)
        if is_sample:
            # `t5 t11 t12 t9`: the subject's last token is at position 2.
            jacobian, subject, last = asker.linearize(words("t5 t11 t12 t9"), 2)
            results |= {"jacobian": jacobian.contiguous(), "subject": subject, "object": last.detach()}
        save_file(results, DATA / "facts" / f"{folder.name}.safetensors")
        print(folder.name, {name: tuple(value.shape) for name, value in results.items()})
        print(results["log_probability"], results["margin"], results["asserted"], results["settled_layer"])
