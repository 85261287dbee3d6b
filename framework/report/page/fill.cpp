#include "report/page/fill.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

namespace lensbench::page {
namespace {

/// Variables with at most this many cells in all chosen cases keep the bits of the archive.
constexpr std::int64_t kExactCells = 100'000;

/// What may be left out, from what stays longest to what goes first.
enum class Tier { core, metrics, ranks, large };

bool names_any(std::string_view name, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](auto word) { return name.find(word) != std::string_view::npos; });
}

Tier tier_of(const PageVariable& variable, const PageResult& result) {
  const std::string view = view_of(variable, result);
  for (const std::string& dim : variable.dims)
    if (dim.starts_with("d_")) return Tier::large;  // activations: d_model, d_head, d_mlp
  if (view == "attention") return Tier::large;
  if (variable.facts().coordinate || variable.facts().holds == Holds::token_ids) return Tier::core;
  if (names_any(variable.name, {"probability", "entropy", "rank", "surprisal"}) &&
      !names_any(variable.name, {"log_probability"}))
    return Tier::core;
  const bool minor = view == "heatmap" || view == "general" || view == "table";
  return minor ? Tier::metrics : Tier::core;
}

std::int64_t limited_cells(const PageVariable& variable, const PagePart& part, std::int64_t ranks) {
  auto shape = part.shape();
  if (const auto axis = rank_axis(variable)) shape[*axis] = std::min(shape[*axis], ranks);
  return cells_of(shape);
}

std::int64_t stored_bytes(const PagePart& part) {
  const auto cells = part.stored->rows ? cells_of(part.shape()) : 0;
  return cells * static_cast<std::int64_t>(c10::elementSize(part.stored->type));
}

/// Largest part that is read, bytes: what could fit after compression, and little memory.
std::int64_t most_part_bytes(std::size_t page_bytes) {
  return std::max(std::int64_t{48} << 20, 8 * static_cast<std::int64_t>(page_bytes));
}

bool is_ids_of_ranks(const PageVariable& variable) {
  return variable.facts().holds == Holds::token_ids && rank_axis(variable);
}

/// Whether a variable has a number for each of some ids, or for all ranks of them.
bool has_values_of(const PageVariable& variable, const PageVariable& ids) {
  if (variable.facts().holds == Holds::token_ids || variable.facts().coordinate) return false;
  std::vector<std::string> dims = ids.dims;
  if (variable.dims == dims) return true;
  std::erase(dims, "rank");
  return variable.dims == dims;
}

/// A part to embed, in the order of preference.
struct Candidate {
  Tier tier;
  std::size_t case_order;  ///< position of the case among the chosen ones
  /// Whether it comes after the other values of its case, and only with one of them: ids of ranks,
  /// which make no picture alone. Those of the first case come first, so that its map has texts.
  bool is_late;
  PartPlace place;
  std::int64_t ranks;  ///< number of its ranks
  auto key() const { return std::tuple(tier, case_order, is_late, place, ranks); }
};

/// One attempt with fixed rules.
class Filling {
 public:
  struct Rules {
    bool split_ranks;  ///< the first rank is a candidate of its own, the others follow later
    Precision large;   ///< precision of large variables
    bool all_or_none;  ///< give up when a part other than of the last tier does not fit
  };

  Filling(EncodedParts& encoded, const std::vector<PageRun>& runs, std::int64_t top_k,
          std::size_t bytes, Rules rules)
      : encoded_(encoded),
        runs_(runs),
        top_k_(top_k),
        most_part_(most_part_bytes(bytes)),
        left_(bytes),
        rules_(rules) {
    filled_.ids.resize(runs.size());
  }

  /// Whether the parts of all tiers but the last need more bytes than there are, by the least that
  /// a cell needs.
  bool is_hopeless() const {
    std::size_t least = 0;
    for (const Candidate& candidate : candidates())
      if (candidate.tier != Tier::large) least += least_bytes(cells(candidate));
    return least > left_;
  }

  /// \return false if the rules gave up
  bool run() {
    for (const Candidate& candidate : candidates()) {
      if (candidate.is_late && !has_values(candidate.place)) {
        filled_.left_out.insert(candidate.place);
        continue;
      }
      if (take(candidate)) continue;
      if (candidate.tier != Tier::large) lost_.insert(candidate.tier);
      if (rules_.all_or_none && candidate.tier != Tier::large) return false;
      // What does not fit is not tried again for further cases, which would be read in vain.
      hopeless_[{candidate.place.run, candidate.place.result, candidate.place.variable}] =
          cells(candidate);
      if (!filled_.parts.contains(candidate.place))
        filled_.left_out.insert(candidate.place);
      else
        filled_.first_rank_only.insert(candidate.place);
    }
    return true;
  }

  /// Whether only what may go before 8 bits are used was left out.
  bool lost_ranks_at_most() const {
    return !lost_.contains(Tier::core) && !lost_.contains(Tier::metrics);
  }
  Filled take_filled() { return std::move(filled_); }

 private:
  /// Bytes that a part with so many cells needs at least: large blocks need more than a tenth of a
  /// byte a cell.
  static std::size_t least_bytes(std::int64_t cells) {
    constexpr std::int64_t kSmall = 10'000;
    return cells > kSmall ? static_cast<std::size_t>(cells) / 10 : 0;
  }

  const PageResult& result(const PartPlace& at) const { return *runs_[at.run].results[at.result]; }
  const PageVariable& variable(const PartPlace& at) const {
    return result(at).variables[at.variable];
  }
  const PagePart& part(const PartPlace& at) const { return variable(at).parts[at.part]; }
  std::int64_t cells(const Candidate& one) const {
    return limited_cells(variable(one.place), part(one.place), one.ranks);
  }

  Precision precision(const Candidate& one) {
    const PartPlace& at = one.place;
    const auto [known, is_new] = cells_.try_emplace({at.run, at.result, at.variable, one.ranks}, 0);
    if (is_new)
      for (const PagePart& part : variable(at).parts)
        known->second += limited_cells(variable(at), part, one.ranks);
    return known->second > kExactCells ? rules_.large : Precision::exact;
  }

  std::vector<Candidate> candidates() const {
    std::vector<Candidate> all;
    for (std::size_t run = 0; run < runs_.size(); ++run)
      for (std::size_t r = 0; r < runs_[run].results.size(); ++r)
        for (std::size_t v = 0; v < runs_[run].results[r]->variables.size(); ++v) {
          const PageVariable& one = runs_[run].results[r]->variables[v];
          for (std::size_t p = 0; p < one.parts.size(); ++p) add(all, {run, r, v, p});
        }
    std::sort(all.begin(), all.end(),
              [](const Candidate& a, const Candidate& b) { return a.key() < b.key(); });
    return all;
  }

  void add(std::vector<Candidate>& all, const PartPlace& at) const {
    const auto& chosen = runs_[at.run].chosen;
    // What belongs to no single case comes with the first one.
    const auto order =
        part(at).number < 0
            ? std::size_t{0}
            : static_cast<std::size_t>(std::find(chosen.begin(), chosen.end(), part(at).number) -
                                       chosen.begin());
    const auto axis = rank_axis(variable(at));
    const bool is_late = rules_.split_ranks && at.part > 0 && is_ids_of_ranks(variable(at));
    const Tier tier = is_late ? tier_of_ids(at) : tier_of(variable(at), result(at));
    const std::int64_t ranks = axis ? std::min(top_k_, part(at).shape()[*axis]) : 1;
    if (!rules_.split_ranks || ranks <= 1) {
      all.push_back({tier, order, is_late, at, ranks});
      return;
    }
    all.push_back({tier, order, is_late, at, 1});
    all.push_back({std::max(tier, Tier::ranks), order, is_late, at, ranks});
  }

  /// The tier of ids that come after the values that belong to them.
  Tier tier_of_ids(const PartPlace& at) const {
    const Tier own = tier_of(variable(at), result(at));
    std::optional<Tier> first;
    for (const PageVariable& one : result(at).variables)
      if (has_values_of(one, variable(at)))
        first = std::min(first.value_or(Tier::large), tier_of(one, result(at)));
    return std::max(own, first.value_or(own));
  }

  /// Whether the page has values that belong to the ids of a part, or its result does not have any.
  bool has_values(const PartPlace& at) const {
    bool any = false;
    const auto& variables = result(at).variables;
    for (std::size_t v = 0; v < variables.size(); ++v) {
      if (!has_values_of(variables[v], variable(at))) continue;
      for (std::size_t p = 0; p < variables[v].parts.size(); ++p) {
        if (variables[v].parts[p].number != part(at).number) continue;
        if (filled_.parts.contains({at.run, at.result, v, p})) return true;
        any = true;
      }
    }
    return !any;
  }

  bool take(const Candidate& candidate) {
    const PartPlace& at = candidate.place;
    if (stored_bytes(part(at)) > most_part_) return false;
    const std::int64_t n = cells(candidate);
    const auto known = hopeless_.find({at.run, at.result, at.variable});
    if (known != hopeless_.end() && n >= known->second) return false;
    if (least_bytes(n) > left_) return false;  // it is not even read
    const auto before = filled_.parts.find(at);
    const std::size_t freed = before == filled_.parts.end() ? 0 : before->second.block.size();
    const FilledPart* part_of_page =
        encoded_.part(runs_, at, candidate.ranks, precision(candidate), left_ + freed);
    if (part_of_page == nullptr) return false;
    const std::size_t needed = part_of_page->block.size() + vocabulary_bytes(at.run, *part_of_page);
    if (needed > left_ + freed) return false;
    left_ = left_ + freed - needed;
    filled_.ids[at.run].insert(part_of_page->ids.begin(), part_of_page->ids.end());
    filled_.parts.insert_or_assign(at, *part_of_page);
    filled_.left_out.erase(at);
    return true;
  }

  // Bytes that further ids need in the vocabulary, before compression: about what they need after
  // it in base64.
  std::size_t vocabulary_bytes(std::size_t run, const FilledPart& more) const {
    std::size_t bytes = 0;
    for (const std::int64_t id : more.ids)
      if (!filled_.ids[run].contains(id)) bytes += runs_[run].source->token(id).size() + 4;
    return bytes;
  }

  EncodedParts& encoded_;
  const std::vector<PageRun>& runs_;
  std::int64_t top_k_, most_part_;
  std::size_t left_;
  Rules rules_;
  Filled filled_;
  std::set<Tier> lost_;
  /// Run, result, variable and ranks -> number of cells of all of its parts.
  std::map<std::tuple<std::size_t, std::size_t, std::size_t, std::int64_t>, std::int64_t> cells_;
  /// Run, result and variable -> least number of cells that did not fit.
  std::map<std::array<std::size_t, 3>, std::int64_t> hopeless_;
};

}  // namespace

Filled fill(const std::vector<PageRun>& runs, std::int64_t top_k, std::size_t bytes,
            EncodedParts& encoded) {
  Filling whole(encoded, runs, top_k, bytes, {false, Precision::bits16, true});
  if (!whole.is_hopeless() && whole.run()) return whole.take_filled();
  Filling split(encoded, runs, top_k, bytes, {true, Precision::bits16, false});
  split.run();
  if (split.lost_ranks_at_most()) return split.take_filled();
  Filling coarse(encoded, runs, top_k, bytes, {true, Precision::bits8, false});
  coarse.run();
  return coarse.take_filled();
}

Filled fill_exact(const std::vector<PageRun>& runs, std::int64_t top_k, std::size_t bytes,
                  EncodedParts& encoded) {
  Filling exact(encoded, runs, top_k, bytes, {false, Precision::exact, false});
  exact.run();
  return exact.take_filled();
}

}  // namespace lensbench::page
