#include "circuit.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/statistics.hpp>
#include <limits>

#include "common/results.hpp"

namespace indirect_object_identification {
namespace {

using namespace lensbench;

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kNoGap = " (NaN: the two prompts do not differ on average)";

/// One half of the traced prompts of all cases, [prompt, ...]: the first chooses heads, the second
/// measures.
at::Tensor half_of(const Summary& cases, const char* dataset, const char* name, bool measures) {
  std::vector<at::Tensor> parts;
  cases.for_each(dataset, [&](auto, const Dataset& one) {
    const at::Tensor& all = one[name].tensor;
    const std::int64_t middle = all.size(0) / 2;
    parts.push_back(measures ? all.slice(0, middle) : all.slice(0, 0, middle));
  });
  return at::cat(parts);
}

/// Sum of effects over sum of gaps: a prompt whose gap is near 0 does not decide.
at::Tensor recovery(const at::Tensor& effects, const at::Tensor& gaps) {
  return effects.sum(0) / gaps.sum();
}

std::vector<Head> first_of(std::vector<Head> heads, std::int64_t count) {
  heads.resize(std::min(heads.size(), static_cast<std::size_t>(count)));
  return heads;
}

/// Adds recoveries with intervals, and a test of every cell with a correction for all of them: the
/// largest of many cells is large by chance too. A recovery is 0 where the mean effect is.
/// \param effects  [prompt, ...]
void add_recovery(Dataset& table, const common::Label& label, const at::Tensor& effects,
                  const at::Tensor& gaps, const statistics::Resampling& resampling) {
  const auto flat = statistics::values_of(effects.reshape({effects.size(0), -1}));
  const auto gap = statistics::values_of(gaps);
  const std::size_t n = gap.size(), cells = flat.size() / n;
  const auto ratios = [&](const std::vector<std::size_t>& drawn) {
    std::vector<double> sums(cells, 0.0);
    double all = 0;
    for (const std::size_t prompt : drawn) {
      all += gap[prompt];
      for (std::size_t i = 0; i < cells; ++i) sums[i] += flat[prompt * cells + i];
    }
    for (double& sum : sums) sum = all == 0 ? kUndefined : sum / all;
    return sums;
  };
  common::add_estimates(table, label, statistics::bootstrap(n, ratios, resampling), 0,
                        effects.sizes().slice(1).vec(), resampling);
  statistics::add_tests_against_zero(
      table, {.name = label.name, .long_name = "effect whose share of the gap is " + label.name},
      label.dims, effects.unbind(0), statistics::Correction::benjamini_hochberg, resampling);
}

/// Statistics of a number of every prompt. \param values  [prompt, ...]
void add_over_prompts(Dataset& table, const Variable& like, const std::vector<std::string>& dims,
                      const at::Tensor& values) {
  statistics::add_over_cases(table, like, dims, values.unbind(0));
  statistics::add_intervals(table, like, dims, values.unbind(0));
}

std::vector<std::string> names_of(const std::vector<Head>& heads) {
  std::vector<std::string> names;
  names.reserve(heads.size());
  for (const Head& head : heads) names.push_back(name_of(head));
  return names;
}

void add_rank(Dataset& table, const std::string& axis, std::size_t count) {
  std::vector<std::int64_t> places;
  places.reserve(count);
  for (std::size_t i = 1; i <= count; ++i) places.push_back(static_cast<std::int64_t>(i));
  table.add_coordinate(axis, at::tensor(places, at::kLong).to(at::kInt),
                       "place in the list, by the prompts that choose");
}

/// Values of some heads. \param values  [block, head]
std::vector<double> values_at(const at::Tensor& values, const std::vector<Head>& heads) {
  std::vector<double> found;
  found.reserve(heads.size());
  for (const Head& head : heads) found.push_back(values[head.block][head.index].item<double>());
  return found;
}

/// Values of the keys or values that some heads read. \param values  [block, kv_head]
std::vector<double> values_at_shared(const at::Tensor& values, const std::vector<Head>& heads,
                                     std::int64_t n_heads) {
  std::vector<Head> shared;
  shared.reserve(heads.size());
  for (const Head& head : heads)
    shared.push_back({head.block, head.index * values.size(1) / n_heads});
  return values_at(values, shared);
}

void add_direct(Dataset& table, const Selection& selection, const Dataset& heads) {
  if (selection.direct.empty()) return;
  add_rank(table, "direct_rank", selection.direct.size());
  table.add("direct_head", "direct_rank", names_of(selection.direct),
            "head that writes A minus B to the logits");
  const auto add = [&](const char* name, const char* long_name, const at::Tensor& values) {
    const auto found = values_at(values, selection.direct);
    common::add_numbers(table, {name, {"direct_rank"}, "1", long_name}, found, {std::ssize(found)});
  };
  const at::Tensor interval = heads["direct_interval"].tensor;
  const at::Tensor attention = heads["attention_mean"].tensor;
  add("direct", "its contribution to the logit of A minus B", heads["direct_mean"].tensor);
  add("direct_low", "lower end of the interval (NaN: one prompt)", interval[0]);
  add("direct_high", "upper end of the interval (NaN: one prompt)", interval[1]);
  add("looks_at_a", "its attention from the last token to A", attention[0]);
  add("looks_at_first_b", "its attention from the last token to the first B", attention[1]);
  add("looks_at_second_b", "its attention from the last token to the second B", attention[2]);
}

void add_patched(Dataset& table, const Selection& selection, const Dataset& heads) {
  const auto& chosen = selection.patched;
  add_rank(table, "patched_rank", chosen.size());
  table.add("patched_head", "patched_rank", names_of(chosen),
            "head whose output carries most of the difference");
  const auto add = [&](const char* name, const char* what, const std::vector<double>& values) {
    common::add_numbers(table,
                        {name,
                         {"patched_rank"},
                         "1",
                         std::string("share of the gap that ") + what + " restores" + kNoGap},
                        values, {std::ssize(values)});
  };
  const std::int64_t n_heads = heads.dim("head");
  const at::Tensor interval = heads["z_recovery_interval"].tensor;
  add("z", "its output", values_at(heads["z_recovery"].tensor, chosen));
  add("z_low", "its output, lower end of the interval,", values_at(interval[0], chosen));
  add("z_high", "its output, upper end of the interval,", values_at(interval[1], chosen));
  add("q", "its query", values_at(heads["q_recovery"].tensor, chosen));
  add("k", "its key", values_at_shared(heads["k_recovery"].tensor, chosen, n_heads));
  add("v", "its value", values_at_shared(heads["v_recovery"].tensor, chosen, n_heads));
}

/// The strongest sender into each receiver.
void add_senders(Dataset& table, const Dataset& paths) {
  const at::Tensor recoveries = paths["path_recovery"].tensor;  // [receiver, block, head]
  table.add(paths["receiver"]);
  std::vector<std::string> senders;
  std::vector<double> values, low, high;
  const at::Tensor interval = paths["path_recovery_interval"].tensor;
  const std::int64_t n_heads = recoveries.size(2);
  for (std::int64_t i = 0; i < recoveries.size(0); ++i) {
    const at::Tensor one = recoveries[i].flatten();
    const auto best = one.nan_to_num(0.0).abs().argmax().item<std::int64_t>();
    senders.push_back(name_of({best / n_heads, best % n_heads}));
    values.push_back(one[best].item<double>());
    low.push_back(interval[0][i].flatten()[best].item<double>());
    high.push_back(interval[1][i].flatten()[best].item<double>());
  }
  table.add("sender", "receiver", senders, "head with the strongest path into the receiver");
  const auto add = [&](const char* name, const char* what, const std::vector<double>& numbers) {
    common::add_numbers(table, {name, {"receiver"}, "1", std::string(what) + kNoGap}, numbers,
                        {std::ssize(numbers)});
  };
  add("path", "share of the gap that is lost along this path alone", values);
  add("path_low", "lower end of the interval", low);
  add("path_high", "upper end of the interval", high);
}

}  // namespace

Selection choose_heads(const Summary& cases, std::int64_t top_k) {
  const auto chosen_by = [&](const char* name) { return half_of(cases, "heads", name, false); };
  const at::Tensor direct = chosen_by("direct").mean(0);
  Selection selection;
  for (const Head& head : first_of(by_score(direct), top_k))
    if (direct[head.block][head.index].item<double>() > 0) selection.direct.push_back(head);
  selection.patched =
      first_of(by_score(recovery(chosen_by("z_effect"), chosen_by("gap")).abs()), top_k);
  return selection;
}

std::vector<std::string> receivers_of(const Selection& selection) {
  std::vector<std::string> receivers;
  for (const Head& head : selection.direct)
    if (head.block > 0) receivers.push_back(name_of(head) + ".q");
  return receivers;
}

Dataset heads_of(const Summary& cases, const statistics::Resampling& resampling) {
  const auto measured = [&](const char* name) { return half_of(cases, "heads", name, true); };
  const Dataset first = cases.dataset(cases.cases().front(), "heads");
  Dataset table;
  for (const char* axis : {"block", "head", "kv_head", "place"}) table.add(first[axis]);
  const at::Tensor direct = measured("direct"), gap = measured("gap");
  add_over_prompts(table, first["direct"], {"block", "head"}, direct);
  statistics::add_tests_against_zero(table, first["direct"], {"block", "head"}, direct.unbind(0));
  table.set_attribute("direct_mean", "view", std::string("patching"));
  for (const char* input : {"z", "q", "k", "v"}) {
    const std::string name = input;
    const bool shared = name == "k" || name == "v";
    const at::Tensor effects = measured((name + "_effect").c_str());
    add_recovery(table,
                 {name + "_recovery",
                  {"block", shared ? "kv_head" : "head"},
                  "1",
                  "share of the gap that the head's " + name +
                      " of the clean prompt restores in the corrupted one" + kNoGap},
                 effects, gap, resampling);
  }
  table.set_attribute("z_recovery", "view", std::string("patching"));
  add_over_prompts(table, first["attention"], {"place", "block", "head"}, measured("attention"));
  add_over_prompts(table, first["gap"], {}, gap);
  table.attributes["measured_prompts"] = gap.size(0);
  table.attributes["choosing_prompts"] = half_of(cases, "heads", "gap", false).size(0);
  return table;
}

Dataset paths_of(const Summary& cases, const statistics::Resampling& resampling) {
  const Dataset first = cases.dataset(cases.cases().front(), "paths");
  std::vector<at::Tensor> effects, gaps;
  cases.for_each("paths", [&](auto, const Dataset& one) {
    effects.push_back(one["effect"].tensor);
    gaps.push_back(one["gap"].tensor);
  });
  Dataset table;
  for (const char* axis : {"receiver", "block", "head"}) table.add(first[axis]);
  add_recovery(table,
               {"path_recovery",
                {"receiver", "block", "head"},
                "1",
                std::string("share of the gap that is lost where the receiver alone reads this "
                            "head's output of the corrupted prompt (NaN: the receiver is not "
                            "later, or the two prompts do not differ on average)")},
               at::cat(effects), at::cat(gaps), resampling);
  table.set_attribute("path_recovery", "view", std::string("patching"));
  table.attributes["measured_prompts"] = at::cat(gaps).size(0);
  return table;
}

Dataset chosen_heads(const Selection& selection, const Dataset& heads, const Dataset* paths) {
  Dataset table;
  add_direct(table, selection, heads);
  add_patched(table, selection, heads);
  if (paths != nullptr) add_senders(table, *paths);
  return table;
}

}  // namespace indirect_object_identification
