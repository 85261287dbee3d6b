#include "prompts.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <lensbench/spec.hpp>

#include "common/repeated_tokens.hpp"

namespace indirect_object_identification {
namespace {

using namespace lensbench;

/// A line of a file, and where it is: `names.txt:3`.
struct Line {
  std::string text, where;
};

std::vector<Line> lines_of(const std::string& path, const char* what) {
  std::ifstream file(path);
  // A folder opens, but has nothing to read.
  if (!file || std::filesystem::is_directory(path))
    throw InputError("'" + path + "': the file of " + what +
                     " cannot be read; give a text file with one in each line");
  std::vector<Line> lines;
  std::int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back({line, path + ":" + std::to_string(number)});
  }
  if (lines.empty())
    throw InputError(path + ": the file lacks " + what + "; write one in each line");
  return lines;
}

std::vector<std::size_t> places_of(const std::string& text, const std::string& slot) {
  std::vector<std::size_t> places;
  for (std::size_t at = text.find(slot); at != std::string::npos; at = text.find(slot, at + 1))
    places.push_back(at);
  return places;
}

/// The template with {A} before {B}.
std::string in_first_order(const Line& line) {
  const auto a = places_of(line.text, "{A}"), b = places_of(line.text, "{B}");
  const std::string remedy =
      "; write a sentence such as 'And {A} spake unto {B}, and {B} answered and said unto'";
  if (a.size() != 1 || b.size() != 2)
    throw InputError(line.where + ": the template has the slot {A} " + std::to_string(a.size()) +
                     " times and {B} " + std::to_string(b.size()) +
                     " times, expected once and twice" + remedy);
  if (a[0] > b[1])
    throw InputError(line.where + ": the slot {A} comes after the second {B}, expected before it" +
                     remedy);
  for (const std::size_t place : {a[0], b[0], b[1]})
    if (place == 0 || line.text[place - 1] != ' ')
      throw InputError(line.where +
                       ": a slot lacks the blank before it, without which a name is another token"
                       "; put a word and a blank before each slot");
  if (line.text.ends_with(' ') || line.text.ends_with('}'))
    throw InputError(line.where + ": the template ends with a " +
                     (line.text.ends_with(' ') ? "blank" : "slot") +
                     ", but the name A must follow; end it with the word before the name");
  std::string text = line.text;
  if (b[0] < a[0]) {
    text[b[0] + 1] = 'A';
    text[a[0] + 1] = 'B';
  }
  return text;
}

std::string other_order(std::string text) {
  const std::size_t a = text.find("{A}"), b = text.find("{B}");
  std::swap(text[a + 1], text[b + 1]);
  return text;
}

/// The template with names; `last` is the name in the last slot.
std::string filled(std::string text, const std::string& a, const std::string& b,
                   const std::string& last) {
  text.replace(text.rfind("{B}"), 3, last);
  for (const auto& [slot, name] : {std::pair{"{A}", a}, std::pair{"{B}", b}})
    text.replace(text.find(slot), 3, name);
  return text;
}

/// Tokens of a name after a prompt that ends where the name follows.
std::vector<std::int64_t> after(const Model& model, const std::string& prompt,
                                const std::string& name) {
  const Tokens before = to_tokens(model, prompt), whole = to_tokens(model, prompt + " " + name);
  if (whole.size() < before.size() ||
      !std::equal(before.ids.begin(), before.ids.end(), whole.ids.begin()))
    return {};
  return {whole.ids.begin() + before.size(), whole.ids.end()};
}

std::vector<std::int64_t> places_in(const Tokens& tokens, std::int64_t id) {
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < tokens.size(); ++i)
    if (tokens.ids[static_cast<std::size_t>(i)] == id) places.push_back(i);
  return places;
}

/// Names and their tokens; each must be one token where the answer is expected.
void read_names(Form& form, const Model& model, const std::vector<Line>& lines) {
  if (lines.size() < 3)
    throw InputError(lines.front().where + ": the file has " + std::to_string(lines.size()) +
                     " names, expected at least 3: A, B and a third one; add names");
  const std::string prompt =
      filled(form.templates.front(), lines[0].text, lines[1].text, lines[1].text);
  for (const Line& line : lines) {
    if (std::find(form.names.begin(), form.names.end(), line.text) != form.names.end())
      throw InputError(line.where + ": the name '" + line.text +
                       "' is there twice; remove one of the lines");
    const auto ids = after(model, prompt, line.text);
    if (ids.size() != 1)
      throw InputError(line.where + ": the name '" + line.text + "' is " +
                       std::to_string(ids.size()) +
                       " tokens for this model, expected 1; write names that are one token of its "
                       "vocabulary (`lensbench tokenize` shows the tokens of a text)");
    form.names.push_back(line.text);
    form.ids.push_back(ids.front());
  }
}

/// Fills a prompt with names and finds them again.
Prompt prompt_of(const Model& model, const Form& form, std::int64_t index, std::int64_t order,
                 const std::array<std::int64_t, 3>& names) {
  const auto name = [&](std::size_t i) { return form.names[static_cast<std::size_t>(names[i])]; };
  std::string text = form.templates[static_cast<std::size_t>(index)];
  if (order == 1) text = other_order(text);
  Prompt prompt{.template_index = index,
                .order = order,
                .a = names[0],
                .b = names[1],
                .c = names[2],
                .tokens = to_tokens(model, filled(text, name(0), name(1), name(1))),
                .corrupted = to_tokens(model, filled(text, name(0), name(1), name(2))),
                .a_id = form.ids[static_cast<std::size_t>(names[0])],
                .b_id = form.ids[static_cast<std::size_t>(names[1])],
                .names = {-1, -1, -1}};
  const auto a = places_in(prompt.tokens, prompt.a_id), b = places_in(prompt.tokens, prompt.b_id);
  if (a.size() == 1 && b.size() == 2) prompt.names = {a[0], b[0], b[1]};
  return prompt;
}

void check_prompt(const Model& model, const Form& form, const Prompt& prompt, const Line& line) {
  const std::string names = "'" + form.names[static_cast<std::size_t>(prompt.a)] + "' and '" +
                            form.names[static_cast<std::size_t>(prompt.b)] + "'";
  if (prompt.names[0] < 0)
    throw InputError(line.where + ": with the names " + names +
                     " the prompt must have the token of the first once and that of the second "
                     "twice, but it has not; leave names and parts of names out of the rest of "
                     "the template, and put blanks around its slots");
  if (prompt.corrupted.size() != prompt.tokens.size())
    throw InputError(
        line.where + ": with the names " + names + " the prompt has " +
        std::to_string(prompt.tokens.size()) + " tokens, and with a third name in the last slot " +
        std::to_string(prompt.corrupted.size()) + "; put blanks around the slots of the template");
  if (prompt.tokens.size() > position_limit(model.spec()))
    throw InputError(line.where + ": the prompt has " + std::to_string(prompt.tokens.size()) +
                     " tokens, but the model has " + std::to_string(position_limit(model.spec())) +
                     " positions; write a shorter template");
}

/// Every name in every slot of a template must be its one token, and nowhere else.
void check_template(const Model& model, const Form& form, std::int64_t index, const Line& line) {
  const auto n = std::ssize(form.names);
  for (std::int64_t order = 0; order < std::ssize(kOrders); ++order)
    for (std::int64_t i = 0; i < n; ++i) {
      const Prompt prompt = prompt_of(model, form, index, order, {i, (i + 1) % n, (i + 2) % n});
      check_prompt(model, form, prompt, line);
    }
}

}  // namespace

namespace {

/// Checks that the names and templates give enough different prompts.
void check_count(const Form& form, const Parameters& parameters) {
  const auto n = std::ssize(form.names), t = std::ssize(form.templates);
  const std::int64_t different = t * std::ssize(kOrders) * n * (n - 1);
  if (parameters.integer("prompts") > different)
    throw InputError(parameters.text("names") + ": " + std::to_string(n) + " names and " +
                     std::to_string(t) + (t == 1 ? " template in " : " templates in ") +
                     std::to_string(kOrders.size()) + " orders give " + std::to_string(different) +
                     " different prompts, expected at least " +
                     std::to_string(parameters.integer("prompts")) +
                     " (parameter 'prompts'); add names or templates");
}

}  // namespace

Form read_form(const Model& model, const Parameters& parameters) {
  if (model.tokenizer() == nullptr)
    throw UsageError(
        "indirect_object_identification: the model lacks a tokenizer, so names cannot be put into "
        "sentences; give a model folder with tokenizer.json");
  const auto templates = lines_of(parameters.text("templates"), "templates");
  Form form;
  form.templates.reserve(templates.size());
  for (const Line& line : templates) form.templates.push_back(in_first_order(line));
  read_names(form, model, lines_of(parameters.text("names"), "names"));
  for (std::size_t i = 0; i < templates.size(); ++i)
    check_template(model, form, static_cast<std::int64_t>(i), templates[i]);
  check_count(form, parameters);
  return form;
}

std::vector<Prompt> draw_prompts(const Model& model, const Form& form, std::int64_t count,
                                 std::uint64_t seed, std::uint64_t stream) {
  Philox random(seed, stream);
  const auto n = std::ssize(form.names), t = std::ssize(form.templates);
  const std::int64_t cells = t * std::ssize(kOrders);
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  for (std::int64_t a = 0; a < n; ++a)
    for (std::int64_t b = 0; b < n; ++b)
      if (a != b) pairs.emplace_back(a, b);
  std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> drawn;
  const std::int64_t each = (count + cells - 1) / cells;
  drawn.reserve(static_cast<std::size_t>(cells));
  for (std::int64_t cell = 0; cell < cells; ++cell)
    drawn.push_back(common::drawn_without_replacement(pairs, each, random));
  std::vector<Prompt> prompts;
  prompts.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    // Cells take turns, so that any beginning of the list is balanced too.
    const std::int64_t cell = i % cells;
    const auto [a, b] = drawn[static_cast<std::size_t>(cell)][static_cast<std::size_t>(i / cells)];
    std::vector<std::int64_t> others;
    for (std::int64_t name = 0; name < n; ++name)
      if (name != a && name != b) others.push_back(name);
    prompts.push_back(prompt_of(model, form, cell / std::ssize(kOrders), cell % std::ssize(kOrders),
                                {a, b, others[random.below(others.size())]}));
  }
  return prompts;
}

}  // namespace indirect_object_identification
