#include "sources.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <nlohmann/json.hpp>

namespace answer_sources {
namespace {

using namespace lensbench;

constexpr const char* kName = "answer_sources: ";

[[noreturn]] void refuse(const std::string& id, const std::string& problem) {
  throw InputError(kName + ("case '" + id + "': ") + problem);
}

std::string required_field(const Case& c, const char* name, const char* remedy) {
  const auto value = c.field(name);
  if (!value || value->empty())
    refuse(c.id(), std::string("the field '") + name + "' is missing or empty; " + remedy);
  return *value;
}

std::vector<std::string> passages_in(const std::string& id, const std::string& text) {
  const std::string remedy = "; give a list of texts: \"passages\": [\"...\", \"...\"]";
  const auto list = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array() || list.empty()) refuse(id, "the field 'passages' is not a list" + remedy);
  std::vector<std::string> passages;
  for (const auto& one : list) {
    if (!one.is_string() || one.get<std::string>().empty())
      refuse(id, "the field 'passages' holds " + one.dump() + remedy);
    passages.push_back(one.get<std::string>());
  }
  return passages;
}

std::string with_line_breaks(std::string text) {
  for (std::size_t at = 0; (at = text.find("\\n", at)) != std::string::npos; ++at)
    text.replace(at, 2, "\n");
  return text;
}

/// A prompt, and the bytes [begin, end) of its passages.
struct Prompt {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> passages;
};

void add_passages(Prompt& prompt, const Question& question, const Template& form,
                  const std::vector<std::size_t>& used) {
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (i > 0) prompt.text += form.separator;
    const std::size_t begin = prompt.text.size();
    prompt.text += question.passages[used[i]];
    prompt.passages.emplace_back(begin, prompt.text.size());
  }
}

Prompt prompt_of(const Question& question, const Template& form,
                 const std::vector<std::size_t>& used) {
  Prompt prompt;
  const std::size_t passages = form.text.find("{passages}"), asked = form.text.find("{question}");
  for (std::size_t at = 0; at < form.text.size();) {
    if (at == passages) {
      add_passages(prompt, question, form, used);
      at += std::string("{passages}").size();
    } else if (at == asked) {
      prompt.text += question.question;
      at += std::string("{question}").size();
    } else {
      prompt.text += form.text[at++];
    }
  }
  return prompt;
}

/// Rows of the stream from which the tokens of the answer are predicted.
at::Tensor answer_rows(const at::Tensor& residual, const Text& text) {
  const std::int64_t count = text.tokens.size() - text.answer_begin;
  return residual[0].narrow(0, text.answer_begin - 1, count);
}

at::Tensor answer_ids(const Text& text) {
  const std::vector<std::int64_t> ids(text.tokens.ids.begin() + text.answer_begin,
                                      text.tokens.ids.end());
  return at::tensor(ids, at::kLong);
}

}  // namespace

Question question_of(const Case& c) {
  Question question{c.id(), c.tokens().text, {}, {}};
  if (question.question.empty())
    refuse(c.id(), "has ids instead of a text; give the question as \"text\"");
  question.passages = passages_in(
      c.id(), required_field(c, "passages",
                             "give a list of texts that may hold the answer: \"passages\": "
                             "[\"...\", \"...\"]"));
  question.answer = required_field(c, "answer", "give the text of the answer: \"answer\": \"...\"");
  return question;
}

Template template_of(const Parameters& given) {
  Template form{with_line_breaks(given.text("template")),
                with_line_breaks(given.text("separator"))};
  for (const std::string place : {"{passages}", "{question}"})
    if (form.text.find(place) == std::string::npos ||
        form.text.find(place) != form.text.rfind(place))
      throw UsageError(kName + ("parameter 'template': '" + form.text + "' must have " + place +
                                " once; give a text such as '{passages}\\n{question}'"));
  return form;
}

Text text_of(const Model& model, const Question& question, const Template& form,
             const std::vector<std::size_t>& used) {
  const Prompt prompt = prompt_of(question, form, used);
  const std::string whole = prompt.text + question.answer;
  Text text{to_tokens(model, whole), -1, {}};
  const Encoding encoding = model.tokenizer()->encode(whole);
  // A token belongs to the part in which it ends: a blank before a word is often part of its token.
  const auto ends_in = [&](std::size_t token, std::size_t begin, std::size_t end) {
    const std::size_t last = encoding.offsets[token].second;
    return !encoding.special[token] && last > begin && last <= end;
  };
  const std::size_t n = encoding.ids.size();
  for (const auto& [begin, end] : prompt.passages) {
    std::int64_t first = -1, next = -1;
    for (std::size_t token = 0; token < n; ++token) {
      if (!ends_in(token, begin, end)) continue;
      if (first < 0) first = static_cast<std::int64_t>(token);
      next = static_cast<std::int64_t>(token) + 1;
    }
    text.passages.emplace_back(std::max<std::int64_t>(first, 0), std::max<std::int64_t>(next, 0));
  }
  for (std::size_t token = n; token-- > 0 && ends_in(token, prompt.text.size(), whole.size());)
    text.answer_begin = static_cast<std::int64_t>(token);
  if (text.answer_begin < 1)
    refuse(question.id,
           "nothing is before the answer, or its last token is special; write a "
           "question, or take a tokenizer that ends texts without a token");
  return text;
}

at::Tensor distributions(const Model& model, const Text& text) {
  const ForwardOutput output =
      model.forward(make_batch(text.tokens), {.logits = ForwardOptions::Logits::none});
  const at::Tensor logits = model.unembed(model.final_norm(answer_rows(output.residual, text)));
  return logits.to(at::kCPU).to(at::kDouble).log_softmax(-1);
}

std::vector<double> gradient_effects(const Model& model, const Text& text) {
  at::Tensor embedding;
  const auto summed = [&](const at::Tensor& residual, const RecordedActivations& activations) {
    embedding = activations.at("hook_embed").detach();
    const at::Tensor logits = model.unembed(model.final_norm(answer_rows(residual, text)));
    const at::Tensor ids = answer_ids(text).to(logits.device()).unsqueeze(1);
    return logits.log_softmax(-1).gather(1, ids).sum().unsqueeze(0);
  };
  const auto found = run_gradients(model, make_batch(text.tokens), {"hook_embed"}, summed);
  const at::Tensor by_token =
      (found.gradients.at("hook_embed").to(at::kDouble) * embedding.to(at::kDouble))[0].sum(-1).to(
          at::kCPU);
  std::vector<double> effects;
  effects.reserve(text.passages.size());
  for (const auto& [begin, end] : text.passages)
    effects.push_back(by_token.slice(0, begin, end).sum().item<double>());
  return effects;
}

}  // namespace answer_sources
