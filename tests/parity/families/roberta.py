from families.bert import BASE as BERT_BASE
from families.bert import draw as draw_bert
from family_case import Case, Family

BASE = BERT_BASE | dict(type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)
CASES = {
    "roberta": Case(dict(pad_token_id=60)),
    "roberta-padding-inside": Case(dict(vocab_size=5, hidden_act="relu"), 40),
    "roberta-untied": Case(dict(tie_word_embeddings=False, pad_token_id=4)),
}


def draw(rng):
    case = draw_bert(rng)
    return Case(case.config | dict(pad_token_id=rng.randint(0, 3)), min(case.length, 58))


FAMILY = Family(
    title="RoBERTa",
    model_types=("roberta",),
    base=BASE | dict(max_position_embeddings=128),
    cases=CASES,
    draw=draw,
    samples=("roberta", "roberta-padding-inside"),
    supports="the masked-language head, positions that leave out padding tokens",
    refuses="`is_decoder`, relative positions, checkpoints without the masked-language head",
    masked=True,
)
