#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <string>

#include "behaviour.hpp"

// What the model does with each prompt.

namespace indirect_object_identification {
namespace {

using namespace lensbench;

/// Prompts in one forward.
constexpr std::int64_t kBatch = 32;
/// Logits at the last position, [prompt, vocab] float64.
at::Tensor last_logits(const Model& model, const std::vector<Tokens>& all) {
  std::vector<at::Tensor> parts;
  for (std::int64_t first = 0; first < std::ssize(all); first += kBatch) {
    const auto end = std::min<std::int64_t>(first + kBatch, std::ssize(all));
    const std::vector<Tokens> some(all.begin() + first, all.begin() + end);
    const at::Tensor logits =
        model.forward(make_batch(some), {.logits = ForwardOptions::Logits::last}).logits;
    parts.push_back(logits.reshape({end - first, -1}).to(at::kCPU).to(at::kDouble));
  }
  return at::cat(parts);
}

template <class Get>
at::Tensor numbers(const std::vector<Prompt>& prompts, Get get) {
  std::vector<std::int64_t> values;
  values.reserve(prompts.size());
  for (const Prompt& one : prompts) values.push_back(get(one));
  return at::tensor(values, at::kLong);
}

template <class Get>
std::vector<Tokens> token_lists(const std::vector<Prompt>& prompts, Get get) {
  std::vector<Tokens> all;
  all.reserve(prompts.size());
  for (const Prompt& one : prompts) all.push_back(get(one));
  return all;
}

at::Tensor picked(const at::Tensor& logits, const at::Tensor& ids) {
  return logits.gather(1, ids.unsqueeze(1)).squeeze(1);
}

void add_prompt_axes(Dataset& result, const Form& form, const std::vector<Prompt>& prompts) {
  result.add_coordinate("prompt", at::arange(std::ssize(prompts), at::kInt), "prompt, from 0");
  result.add_coordinate("name", std::vector<std::string>{"A", "B"},
                        "A: the right name, B: the one that is there twice");
  result.add_coordinate("template", form.templates, "sentence with the slots of the names");
}

/// Adds the template and the order of the names of every prompt.
void add_forms(Dataset& result, const std::vector<Prompt>& prompts) {
  result.add("template_index", {"prompt"},
             numbers(prompts, [](const Prompt& p) { return p.template_index; }), "1",
             "template of the prompt, from 0");
  result.add("order", {"prompt"}, numbers(prompts, [](const Prompt& p) { return p.order; }), "1",
             "0: A before B, 1: B before A");
}

/// \param logits, corrupted  [prompt, vocab], without and with a third name
/// \param a, b               [prompt] ids of the names
void add_logits(Dataset& result, const at::Tensor& logits, const at::Tensor& corrupted,
                const at::Tensor& a, const at::Tensor& b) {
  const auto rank = [&](const at::Tensor& ids) {
    return logits.gt(picked(logits, ids).unsqueeze(1)).sum(1).add(1);
  };
  const at::Tensor log_p = logits.log_softmax(1);
  result.add("logit_difference", {"prompt"}, picked(logits, a) - picked(logits, b), "1",
             "logit of A minus logit of B");
  result.add("corrupted_logit_difference", {"prompt"}, picked(corrupted, a) - picked(corrupted, b),
             "1", "the same where a third name is in place of the second B");
  result.add("rank", {"prompt", "name"}, at::stack({rank(a), rank(b)}, 1), "1",
             "1 + number of tokens with a larger logit");
  result.add("log_probability", {"prompt", "name"},
             at::stack({picked(log_p, a), picked(log_p, b)}, 1), "nats",
             "ln probability of the name");
}

}  // namespace

Dataset measure(const Model& model, const Form& form, const std::vector<Prompt>& prompts) {
  const at::Tensor logits =
      last_logits(model, token_lists(prompts, [](const Prompt& p) { return p.tokens; }));
  const at::Tensor corrupted =
      last_logits(model, token_lists(prompts, [](const Prompt& p) { return p.corrupted; }));
  const at::Tensor a = numbers(prompts, [](const Prompt& p) { return p.a_id; });
  const at::Tensor b = numbers(prompts, [](const Prompt& p) { return p.b_id; });
  Dataset result;
  add_prompt_axes(result, form, prompts);
  const auto add_ids = [&](const char* name, const at::Tensor& ids, const char* long_name) {
    result.add(name, {"prompt"}, ids, "1", long_name, Holds::token_ids);
  };
  add_forms(result, prompts);
  add_ids("a_id", a, "name A");
  add_ids("b_id", b, "name B");
  add_ids("first_choice_id", logits.argmax(1), "the model's first choice");
  add_logits(result, logits, corrupted, a, b);
  return result;
}

}  // namespace indirect_object_identification
