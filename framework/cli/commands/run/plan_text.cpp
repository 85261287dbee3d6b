#include "cli/commands/run/plan_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "core/text/shell_words.hpp"

namespace lensbench::cli {
namespace {

std::string counted(std::int64_t count, const std::string& one, const std::string& more) {
  return std::to_string(count) + " " + (count == 1 ? one : more);
}

/// `3.2 GB`, in powers of 1,000 as quotas are mostly given.
std::string size_in_words(double bytes) {
  constexpr std::array kUnits = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < kUnits.size(); ++unit) bytes /= 1000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f " : "%.1f ", bytes);
  return text.data() + std::string(kUnits[unit]);
}

/// `12`, or `12 to 13`.
std::string range_text(std::int64_t least, std::int64_t most) {
  return least == most ? std::to_string(least)
                       : std::to_string(least) + " to " + std::to_string(most);
}

std::string parts_text(const PlannedRun& plan) {
  const auto by_cases = [](const PlannedPart& a, const PlannedPart& b) {
    return a.cases < b.cases;
  };
  const auto by_tokens = [](const PlannedPart& a, const PlannedPart& b) {
    return a.tokens < b.tokens;
  };
  const auto [few, many] = std::minmax_element(plan.parts.begin(), plan.parts.end(), by_cases);
  const auto [short_part, long_part] =
      std::minmax_element(plan.parts.begin(), plan.parts.end(), by_tokens);
  return counted(std::ssize(plan.parts), "part", "parts") + ", with " +
         range_text(few->cases, many->cases) + " cases and " +
         range_text(short_part->tokens, long_part->tokens) + " tokens each\n";
}

std::string bytes_line(const PlannedRun& plan) {
  if (!plan.bytes) return "Results: size not known before a case has run\n";
  return "Results: about " + size_in_words(*plan.bytes) + " before compression" +
         (plan.passes > 1 ? " in the first pass" : "") + ", by the size of case '" + plan.measured +
         "'; parameters that keep less are in the tool's --help\n";
}

/// A command for each way to start the parts. Numbers of parts begin with 1. GNU parallel gives its
/// words to a shell once more, unless they are quoted by `-q`. Slurm sends its warning to the
/// process of the script, which is lensbench by `exec`.
std::vector<std::pair<std::string, std::string>> ways(const PlannedRun& plan) {
  const std::string count = std::to_string(plan.parts.size());
  const auto shard = [&](const std::string& number) {
    return plan.command + " --shard " + number + "/" + count;
  };
  return {{"shell", "for i in $(seq " + count + "); do " + shard("$i") + " & done; wait"},
          {"parallel", "parallel -q " + shard("{}") + " ::: $(seq " + count + ")"},
          {"slurm", "sbatch --array=1-" + count + " --signal=B:TERM@120 --wrap " +
                        shell_quoted("exec " + shard("$SLURM_ARRAY_TASK_ID"))}};
}

std::string seal_command_of(const PlannedRun& plan) {
  return "lensbench seal " + shell_word(plan.folder);
}

}  // namespace

std::optional<std::size_t> median_case(const std::vector<std::int64_t>& tokens) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] > 0) order.push_back(i);
  if (order.empty()) return std::nullopt;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return tokens[a] < tokens[b]; });
  return order[order.size() / 2];
}

std::vector<std::string> words_of_run(const std::vector<std::string>& words_of_plan) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < words_of_plan.size(); ++i) {
    const std::string& word = words_of_plan[i];
    if (word == "--shards")
      ++i;  // with its value
    else if (!word.starts_with("--shards=") && word != "--no-measure" && word != "--json")
      words.push_back(word);
  }
  return words;
}

std::string plan_text(const PlannedRun& plan) {
  std::string text = (plan.is_new ? "Planned " : "Planned before: ") + plan.folder + "\n";
  text += "Cases:   " + counted(plan.cases, "case", "cases") + ", " +
          counted(plan.tokens, "token", "tokens") +
          (plan.passes > 1 ? ", " + std::to_string(plan.passes) + " passes over the cases" : "") +
          "\nParts:   " + parts_text(plan);
  text += "Blocks:  " + std::to_string(plan.blocks) + ", with mpirun -n " +
          std::to_string(plan.parts.size()) + "\n" + bytes_line(plan);
  text += "\nSubmit the parts in one of these ways:\n";
  for (const auto& [name, command] : ways(plan)) text += "  " + command + "\n";
  if (plan.passes > 1)
    text += "Submit them " + std::to_string(plan.passes) +
            " times, each time when all have ended: a pass needs the cases of the pass before.\n";
  return text + "When all have ended:\n  " + seal_command_of(plan) + "\n";
}

nlohmann::json plan_json(const PlannedRun& plan) {
  nlohmann::json parts = nlohmann::json::array(), commands = nlohmann::json::object();
  for (const PlannedPart& part : plan.parts)
    parts.push_back({{"cases", part.cases}, {"tokens", part.tokens}});
  for (const auto& [name, command] : ways(plan)) commands[name] = command;
  commands["seal"] = seal_command_of(plan);
  return {{"run", plan.folder},
          {"new", plan.is_new},
          {"cases", plan.cases},
          {"tokens", plan.tokens},
          {"passes", plan.passes},
          {"parts", parts},
          {"blocks", plan.blocks},
          {"bytes", plan.bytes ? nlohmann::json(*plan.bytes) : nlohmann::json()},
          {"commands", commands}};
}

}  // namespace lensbench::cli
