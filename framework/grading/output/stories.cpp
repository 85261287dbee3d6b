#include "grading/output/stories.hpp"

#include <cmath>
#include <functional>
#include <optional>

#include "report/terminal/numbers.hpp"

// What the scores alone do not say: why a tool that computes its number exactly is still wrong
// about another question. Each story is a condition on what was claimed and what is true of one
// item.

namespace lensbench::grading {
namespace {

/// One item of one task, values as shares of the gap, means over prompts.
struct Seen {
  const Entry& entry;
  const GradedTask& task;
  std::size_t item;
  double claimed, total, restore;
  double of_largest;  ///< size of the claim over the largest one of the task, for any scale
};

/// A story about the items of one claim. `strength` is how clear an example is; 0: it is none.
struct Rule {
  const char* title;
  const char* claim;
  std::function<double(const Seen&)> strength;
  const char* words;  ///< after the numbers
};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = {
      {"direct attribution misses indirect work", "effect.dla",
       [](const Seen& s) {
         return std::abs(s.claimed) < 0.05 && s.total > 0.5 ? s.total - std::abs(s.claimed) : 0;
       },
       "a component that works through others writes no logit itself"},
      {"zero ablation and redundancy", "effect.zero",
       [](const Seen& s) {
         return std::abs(s.claimed) < 0.1 && s.total > 0.3 && s.restore > 0.3 ? s.total : 0;
       },
       "another component holds the same, so that one alone is not missed"},
      {"zero ablation and self-repair", "effect.zero",
       [](const Seen& s) { return s.claimed < -0.1 && s.total > 0.5 ? s.total - s.claimed : 0; },
       "another component takes over when this one is silent"},
      {"zero ablation answers another question", "effect.zero",
       [](const Seen& s) { return s.claimed > 0.3 && std::abs(s.total) < 0.05 ? s.claimed : 0; },
       "the component is needed, but it says the same of both prompts"},
      {"the mean over one prompt hardly ablates", "effect.mean_of_prompt",
       [](const Seen& s) {
         return std::abs(s.claimed) < 0.2 && s.total > 0.5 ? s.total - std::abs(s.claimed) : 0;
       },
       "the mean over the prompt still holds what the component says"},
      {"noising is not denoising", "effect.denoise",
       [](const Seen& s) { return s.total > 0.9 && s.claimed < 0.6 ? s.total - s.claimed : 0; },
       "it is necessary, but not sufficient"},
      {"gradients vanish where the model is sure", "effect.total",
       [](const Seen& s) { return s.of_largest < 0.01 && s.total > 0.5 ? s.total : 0; },
       "where attention or an MLP is saturated, a small change of a component changes nothing, and "
       "its exchange does"},
      {"size is not effect", "importance",
       [](const Seen& s) {
         return s.of_largest > 0.9 && std::abs(s.total) < 0.05 && std::abs(s.restore) < 0.05
                    ? s.of_largest
                    : 0;
       },
       "what it writes is not read"}};
  return all;
}

std::string share(double value) {
  return terminal::fixed(value, 2);
}

std::string place_of(const Grades& grades, std::size_t task) {
  const TaskPlace& place = grades.tasks[task];
  const Truth& truth = grades.models[place.model].truth;
  return truth.name + "/" + truth.tasks[place.task].name;
}

double mean_share(const std::vector<double>& row, double gap) {
  double sum = 0;
  for (const double value : row) sum += value;
  return row.empty() ? 0 : sum / static_cast<double>(row.size()) / gap;
}

/// Share of an effect that the truth has of an item, whatever the entry claims.
double true_share(const Grades& grades, const GradedTask& task, std::size_t item,
                  const char* effect) {
  const TaskPlace& place = grades.tasks[task.task];
  const auto& effects = grades.models[place.model].truth.tasks[place.task].effects;
  const auto found = effects->values.find(effect);
  return found == effects->values.end() ? 0 : mean_share(found->second[item], task.planted.gap);
}

double largest_share(const ItemTable& table) {
  double largest = 0;
  for (const auto& row : table.claimed)
    largest = std::fmax(largest, std::abs(mean_share(row, table.gap)));
  return largest;
}

std::size_t number_of(const Grades& grades, const Entry& entry) {
  return static_cast<std::size_t>(&entry - grades.entries.data());
}

std::optional<Story> story_of(const Grades& grades, const Rule& rule) {
  double clearest = 0;
  std::optional<Story> story;
  for (const Entry& entry : grades.entries) {
    if (entry.claim != rule.claim || entry.kind != TableKind::effects) continue;
    for (const GradedTask& task : entry.tasks) {
      const double largest = largest_share(task.planted);
      for (std::size_t i = 0; i < task.planted.items.size(); ++i) {
        const double claimed = mean_share(task.planted.claimed[i], task.planted.gap);
        const Seen seen{entry,
                        task,
                        i,
                        claimed,
                        true_share(grades, task, i, "total"),
                        true_share(grades, task, i, "restore"),
                        std::abs(claimed) / largest};
        const double strength = rule.strength(seen);
        if (!(strength > clearest)) continue;
        clearest = strength;
        story =
            Story{rule.title,
                  place_of(grades, task.task) + ", " + task.planted.items[i] + ": " + entry.tool +
                      " " + entry.claim + " " + share(seen.claimed) + " of the gap, noising " +
                      share(seen.total) + ", denoising " + share(seen.restore) + "; " + rule.words,
                  number_of(grades, entry), task.task};
      }
    }
  }
  return story;
}

/// A lens may find the answer before the layer that writes it, by luck.
std::optional<Story> early_guess(const Grades& grades) {
  std::optional<Story> story;
  double most = 0;
  for (const Entry& entry : grades.entries) {
    if (entry.kind != TableKind::layer) continue;
    for (const GradedTask& task : entry.tasks) {
      if (!task.planted.answer_layer) continue;
      const double answer = static_cast<double>(*task.planted.answer_layer);
      double early = 0;
      const auto& layers = task.planted.claimed.front();
      for (const double layer : layers) early += layer < answer ? 1 : 0;
      const double found = early / static_cast<double>(layers.size());
      if (!(found > most)) continue;
      most = found;
      story = Story{"the lens believes an early guess",
                    place_of(grades, task.task) + ": " + entry.tool + " " + entry.claim + ": on " +
                        share(found) +
                        " of the prompts the first choice settles on the answer before layer " +
                        std::to_string(*task.planted.answer_layer) +
                        ", which writes it; the guess was right by luck",
                    number_of(grades, entry), task.task};
    }
  }
  return story;
}

std::optional<Story> attention_without_effect(const Grades& grades) {
  for (const Entry& entry : grades.entries) {
    if (entry.kind != TableKind::attention) continue;
    for (const GradedTask& task : entry.tasks)
      for (std::size_t i = 0; i < task.planted.items.size(); ++i) {
        const double mass = mean_share(task.planted.claimed[i], 1);
        if (task.planted.membership[i] == Membership::member || !(mass > 0.9)) continue;
        return Story{"attention is not effect",
                     place_of(grades, task.task) + ", " + task.planted.items[i] + ": " +
                         entry.tool + " " + entry.claim + ": mass " + share(mass) +
                         " on the key, but what it reads there does not matter",
                     number_of(grades, entry), task.task};
      }
  }
  return std::nullopt;
}

/// A list of tokens may score as a dictionary does.
std::optional<Story> dictionary_of_data_points(const Grades& grades) {
  constexpr double kMuch = 0.6;
  for (const Entry& entry : grades.entries) {
    if (entry.claim != "feature.direction" || entry.estimates.empty() || entry.tasks.empty())
      continue;
    const Estimate& mcc = entry.estimates.front();
    if (!(mcc.tokens > kMuch)) continue;
    const GradedTask& task = entry.tasks.front();
    return Story{"a dictionary of data points",
                 place_of(grades, task.task) + ": " + entry.tool + " " + entry.claim + ": MCC " +
                     share(mcc.value) + ", tokens as directions " + share(mcc.tokens) +
                     " without learning anything, principal components " + share(mcc.components),
                 number_of(grades, entry), task.task};
  }
  return std::nullopt;
}

}  // namespace

std::vector<Story> stories_of(const Grades& grades) {
  std::vector<Story> stories;
  const auto add = [&](std::optional<Story> story) {
    if (story) stories.push_back(*std::move(story));
  };
  add(early_guess(grades));
  for (const Rule& rule : rules()) add(story_of(grades, rule));
  add(attention_without_effect(grades));
  add(dictionary_of_data_points(grades));
  return stories;
}

}  // namespace lensbench::grading
