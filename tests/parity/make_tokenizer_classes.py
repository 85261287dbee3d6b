#!/usr/bin/env python3
"""Writes framework/checkpoint/tokenizer/formats/class_names.cpp: which tokenizer class transformers takes
for which `tokenizer_class` and `model_type`.

    python3 tests/parity/make_tokenizer_classes.py

Needs transformers 5.24.0.
"""
import pathlib
import textwrap

import transformers
from transformers import TokenizersBackend
from transformers.models.auto import tokenization_auto as auto

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "framework/checkpoint/tokenizer/formats/class_names.cpp"
# Classes that formats/class_parts.cpp builds.
BUILT = {"AlbertTokenizer", "BertTokenizer", "CodeGenTokenizer", "GPT2Tokenizer", "GPTNeoXTokenizer",
         "GemmaTokenizer", "LlamaTokenizer", "Qwen2Tokenizer", "Qwen3_5Tokenizer", "RobertaTokenizer",
         "T5Tokenizer", "XLMRobertaTokenizer"}
AS_STORED = {"TokenizersBackend", "PythonBackend"}
# A class of its own that only calls BertTokenizer.
SAME = {"DistilBertTokenizer": "BertTokenizer"}


def registered_names():
    return {name: kind.removesuffix("Fast") for name, kind in auto.TOKENIZER_MAPPING_NAMES.items() if kind}


def class_names():
    """(name that a file may state, class that transformers takes for it)."""
    names = {name.removesuffix("Fast") for name in dir(transformers) if name.removesuffix("Fast").endswith("Tokenizer")}
    for name in sorted(names | set(registered_names().values()) | {"BloomTokenizer", "BertTokenizerLegacy"}):
        try:
            found = auto.tokenizer_class_from_name(name)
            known = getattr(found, "__name__", "")
        except ImportError:
            known = "not installed"
        if found is not None and name != "AutoTokenizer":
            yield name, SAME.get(name, known)


def rows(pairs):
    """C++ rows {"class", "name name ..."}, one for each class."""
    groups = {}
    for name, kind in pairs:
        groups.setdefault(kind, []).append(name)
    for kind in sorted(groups):
        lines = textwrap.wrap(" ".join(sorted(groups[kind])), 80)
        quoted = "\n     ".join(f'"{line} "' for line in lines[:-1]) + ("\n     " if lines[:-1] else "") + f'"{lines[-1]}"'
        yield f'    {{"{kind}",\n     {quoted}}},'


def main():
    classes, refused = [], []
    for name, kind in class_names():
        if kind in AS_STORED:
            classes.append((name, "TokenizersBackend"))
        elif kind in BUILT:
            classes.append((name, kind))
        else:
            refused.append(name)
    registered = registered_names()
    wrong = sorted(auto.MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS)
    body = "\n".join(rows(classes))
    models = "\n".join(rows(registered.items()))
    TARGET.write_text(f"""// Written by tests/parity/make_tokenizer_classes.py from transformers {transformers.__version__}.
#include "checkpoint/tokenizer/formats/class_names.hpp"

namespace lensbench {{
namespace {{

struct Row {{
  std::string_view name;
  std::string_view members;  // separated by spaces
}};

// Class that is taken for a stated class.
constexpr Row kClasses[] = {{
{body}
}};

// Classes that this program does not build.
constexpr std::string_view kRefused =
    {chr(10).join('    "' + line + ' "' for line in textwrap.wrap(" ".join(refused), 80)).strip()};

// Class that is registered for a model type.
constexpr Row kModels[] = {{
{models}
}};

// Model types whose published folders state a wrong class.
constexpr std::string_view kStatedWrongly =
    {chr(10).join('    "' + line + ' "' for line in textwrap.wrap(" ".join(wrong), 80)).strip()};

bool contains_word(std::string_view words, std::string_view word) {{
  for (std::size_t at = words.find(word); at != std::string_view::npos;
       at = words.find(word, at + 1)) {{
    const std::size_t end = at + word.size();
    if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' '))
      return true;
  }}
  return false;
}}

template <std::size_t kCount>
std::string_view row_with(const Row (&rows)[kCount], std::string_view word) {{
  if (word.empty()) return {{}};
  for (const Row& row : rows)
    if (contains_word(row.members, word)) return row.name;
  return {{}};
}}

}}  // namespace

std::string_view class_taken_for(std::string_view stated) {{
  return row_with(kClasses, stated);
}}

std::string_view class_of_model_type(std::string_view model_type) {{
  return row_with(kModels, model_type);
}}

bool is_refused_class(std::string_view stated) {{
  return !stated.empty() && contains_word(kRefused, stated);
}}

bool states_wrong_class(std::string_view model_type) {{
  return !model_type.empty() && contains_word(kStatedWrongly, model_type);
}}

}}  // namespace lensbench
""")


if __name__ == "__main__":
    main()
