#include <algorithm>
#include <map>

#include "core/text/shell_words.hpp"
#include "report/page/index.hpp"

// Notes about what a page does not have. What is left out is never silent: each note has the
// command that shows it.

namespace lensbench::page {
namespace {

/// Names of a few cases, and how many more there are.
std::string cases_in_words(const RunSource& source, const std::vector<std::int64_t>& numbers) {
  constexpr std::size_t kMost = 3;
  std::string words = numbers.size() == 1 ? "case " : "cases ";
  for (std::size_t i = 0; i < std::min(kMost, numbers.size()); ++i)
    words += (i > 0 ? ", " : "") + source.cases[static_cast<std::size_t>(numbers[i])].id;
  if (numbers.size() > kMost) words += " and " + std::to_string(numbers.size() - kMost) + " more";
  return words;
}

/// Collects the notes of one archive.
class Notes {
 public:
  Notes(const PageContent& content, std::size_t run)
      : content_(content), run_(run), source_(*content.runs[run].source) {}

  void add_to(std::vector<LeftOut>& notes) const {
    const auto complete = complete_cases(source_);
    const auto& chosen = content_.runs[run_].chosen;
    const auto shown = std::count_if(complete.begin(), complete.end(), [&](std::int64_t number) {
      return std::binary_search(chosen.begin(), chosen.end(), number);
    });
    if (shown < std::ssize(complete))
      notes.push_back({"data of " + std::to_string(std::ssize(complete) - shown) + " of " +
                           std::to_string(complete.size()) + " complete cases" + of_file() +
                           ", which are in the table of cases alone",
                       "lensbench report " + file() + " --case ID"});
    // Places of one variable follow each other in the set.
    std::map<std::pair<std::size_t, std::size_t>, std::vector<std::int64_t>> whole, ranks;
    for (const PartPlace& at : content_.filled.left_out)
      if (at.run == run_) whole[{at.result, at.variable}].push_back(number_of(at));
    for (const PartPlace& at : content_.filled.first_rank_only)
      if (at.run == run_) ranks[{at.result, at.variable}].push_back(number_of(at));
    for (const auto& [variable, numbers] : whole) notes.push_back(note("", variable, numbers));
    for (const auto& [variable, numbers] : ranks)
      notes.push_back(note("top-k beyond rank 1 of ", variable, numbers));
    add_limited_ranks(notes);
  }

 private:
  using Place = std::pair<std::size_t, std::size_t>;  ///< result and variable

  std::string file() const { return shell_word(source_.file); }
  /// Name of the archive where a page has two.
  std::string of_file() const { return content_.runs.size() > 1 ? " of " + source_.file : ""; }
  const PageResult& result(Place at) const { return *content_.runs[run_].results[at.first]; }
  const PageVariable& variable(Place at) const { return result(at).variables[at.second]; }
  std::int64_t number_of(const PartPlace& at) const {
    return variable({at.result, at.variable}).parts[at.part].number;
  }

  std::string command(Place at) const {
    if (!source_.sealed) return "lensbench show " + file() + " " + result(at).name;
    return "lensbench export " + file() + " " + result(at).name + "/" +
           variable(at).stored->facts.name;
  }

  LeftOut note(const std::string& part, Place at, const std::vector<std::int64_t>& numbers) const {
    std::string what = part + result(at).name + "/" + variable(at).name;
    if (numbers.front() >= 0) what += ", " + cases_in_words(source_, numbers);
    return {what + of_file(), command(at)};
  }

  // Ranks that were never asked for, said once.
  void add_limited_ranks(std::vector<LeftOut>& notes) const {
    std::int64_t most = 0;
    for (const auto& result : content_.runs[run_].results)
      for (const PageVariable& one : result->variables)
        if (const auto axis = rank_axis(one)) most = std::max(most, one.stored->shape[*axis]);
    if (most > content_.request.top_k)
      notes.push_back({"ranks " + std::to_string(content_.request.top_k + 1) + " to " +
                           std::to_string(most) + " of the most probable tokens" + of_file(),
                       "lensbench report " + file() + " --top-k " + std::to_string(most)});
  }

  const PageContent& content_;
  std::size_t run_;
  const RunSource& source_;
};

}  // namespace

std::vector<LeftOut> left_out(const PageContent& content) {
  std::vector<LeftOut> notes;
  for (std::size_t run = 0; run < content.runs.size(); ++run) Notes(content, run).add_to(notes);
  return notes;
}

}  // namespace lensbench::page
