#include "grading/run/truth_tables.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "grading/run/feature_tables.hpp"
#include "grading/truth/component_name.hpp"

namespace lensbench::grading {
namespace {

constexpr double kUnclaimed = std::numeric_limits<double>::quiet_NaN();

Table table_or_empty(const EffectTruth& effects, const std::string& name) {
  const auto found = effects.values.find(name);
  return found == effects.values.end() ? Table() : found->second;
}

/// Marks the attention of each block whose heads are items too.
void mark_sums(ItemTable& table) {
  using Kind = ComponentPlace::Kind;
  std::set<std::int64_t> blocks_of_heads;
  for (const std::string& item : table.items)
    if (const auto place = parse_component(item); place && place->kind == Kind::head)
      blocks_of_heads.insert(place->layer);
  for (const std::string& item : table.items) {
    const auto place = parse_component(item);
    table.sums.push_back(place && place->kind == Kind::attention &&
                         blocks_of_heads.contains(place->layer));
  }
}

std::optional<ItemTable> effect_table(const Task& task, const ClaimInfo& claim) {
  if (!task.effects || !task.metric) return std::nullopt;
  ItemTable table;
  table.truth = table_or_empty(*task.effects, claim.effect);
  if (table.truth.empty()) return std::nullopt;
  table.items = task.effects->components;
  table.has_unit = std::string(claim.unit) != "any";
  table.gap = gap_of(task);
  table.total = table_or_empty(*task.effects, "total");
  table.direct = table_or_empty(*task.effects, "direct");
  mark_sums(table);
  for (const std::string& item : table.items) {
    const auto found = task.membership.find(item);
    table.membership.push_back(found == task.membership.end() ? Membership::ignored
                                                              : found->second);
  }
  return table;
}

/// The truth is a mean over prompts, which is given for each of them.
std::optional<ItemTable> stream_table(const Task& task) {
  if (!task.restore_grid || !task.metric) return std::nullopt;
  ItemTable table;
  table.kind = TableKind::stream;
  table.gap = gap_of(task);
  const Table& grid = task.restore_grid->values;
  for (std::size_t layer = 0; layer < grid.size(); ++layer)
    for (std::size_t position = 0; position < grid[layer].size(); ++position) {
      table.items.push_back(
          stream_item(static_cast<std::int64_t>(layer), static_cast<std::int64_t>(position)));
      table.truth.emplace_back(task.prompts.size(), grid[layer][position] * table.gap);
    }
  return table;
}

void name_layers(ItemTable& table) {
  for (std::size_t layer = 0; layer < table.truth.size(); ++layer)
    table.items.push_back(std::to_string(layer));
}

std::optional<ItemTable> readout_table(const ReadoutTruth& readout, const ClaimInfo& claim,
                                       std::size_t n_layers) {
  ItemTable table;
  if (claim.family == ClaimFamily::probability) {
    table.kind = TableKind::probability;
    table.truth = readout.probability;
    name_layers(table);
  } else if (claim.family == ClaimFamily::rank) {
    table.kind = TableKind::rank;
    for (const auto& row : readout.rank) table.truth.emplace_back(row.begin(), row.end());
    for (const auto& row : readout.rank_ties) table.rank_ties.emplace_back(row.begin(), row.end());
    name_layers(table);
  } else if (!readout.first_correct_layer.empty()) {
    table.kind = TableKind::layer;
    table.items = {kWholePrompt};
    table.truth.emplace_back();
    // Never is after the last layer.
    for (const auto& layer : readout.first_correct_layer)
      table.truth[0].push_back(
          static_cast<double>(layer.value_or(static_cast<std::int64_t>(n_layers) + 1)));
  }
  return table.truth.empty() ? std::nullopt : std::optional(std::move(table));
}

/// Number of blocks, from the names of the components.
std::int64_t layers_of(const Truth& truth) {
  std::int64_t layers = 0;
  for (const Role& component : truth.components)
    if (const auto place = parse_component(component.name))
      layers = std::max(layers, place->layer + 1);
  return layers;
}

/// All edges of a model, in the order of its forward: what has written so far is a source.
std::vector<Edge> edges_of(const std::vector<Role>& components) {
  using Kind = ComponentPlace::Kind;
  std::map<std::int64_t, std::vector<std::string>> heads, mlps;  // by block
  for (const Role& component : components) {
    const auto place = parse_component(component.name);
    if (place && place->kind == Kind::head) heads[place->layer].push_back(component.name);
    if (place && place->kind == Kind::mlp) mlps[place->layer].push_back(component.name);
  }
  std::vector<Edge> edges;
  std::vector<std::string> writers{"embed"};
  const auto read = [&](const std::string& target, const char* slot) {
    for (const std::string& writer : writers) edges.push_back({writer, target, slot});
  };
  for (const auto& [layer, names] : heads) {
    for (const std::string& head : names)
      for (const char* slot : {"q", "k", "v"}) read(head, slot);
    writers.insert(writers.end(), names.begin(), names.end());
    for (const std::string& mlp : mlps[layer]) {
      read(mlp, "in");
      writers.push_back(mlp);
    }
  }
  read("logits", "in");
  return edges;
}

/// A row for each size of circuits.
void add_circuit_rows(ItemTable& table, const std::string& name, const MetricTruth& metric) {
  for (const CircuitShare& share : kCircuitShares) {
    table.items.push_back(name + " " + share.text);
    table.truth.push_back(metric.clean);
    table.membership.push_back(Membership::ignored);
    table.sums.push_back(true);
  }
}

/// Rows for circuits, after those of single edges: the truth is what all edges together give.
void add_circuits(ItemTable& table, const MetricTruth& metric) {
  table.sums.assign(table.items.size(), false);
  for (const char* order : {"size", "value"})
    add_circuit_rows(table, std::string("circuit by ") + order, metric);
  for (std::size_t order = 1; order <= kRandomOrders; ++order)
    add_circuit_rows(table, kRandomCircuit + std::to_string(order), metric);
  table.corrupted = metric.corrupted;
}

/// Edges that the truth leaves out are too small to have a number.
std::optional<ItemTable> edge_table(const Truth& truth, const Task& task, const ClaimInfo& claim) {
  if (!task.edges || !task.metric) return std::nullopt;
  ItemTable table;
  table.kind = TableKind::edges;
  table.has_unit = std::string(claim.unit) != "any";
  table.gap = gap_of(task);
  std::map<Edge, double> means;
  for (const EdgeEffect& effect : task.edges->total) means[effect.edge] = effect.mean;
  for (const Edge& edge : edges_of(truth.components)) means.emplace(edge, 0.0);
  const auto& members = task.edges->member;
  for (const auto& [edge, mean] : means) {
    table.items.push_back(edge_item(edge));
    table.truth.emplace_back(task.prompts.size(), mean);
    table.membership.push_back(std::find(members.begin(), members.end(), edge) != members.end()
                                   ? Membership::member
                                   : Membership::none);
  }
  add_circuits(table, *task.metric);
  return table;
}

std::optional<ItemTable> distribution_table(const Task& task, const ClaimInfo& claim) {
  if (!task.distribution) return std::nullopt;
  ItemTable table;
  table.kind = TableKind::distribution;
  const std::string name = claim.name;
  table.truth = name == "distribution.entropy"       ? task.distribution->entropy
                : name == "distribution.probability" ? task.distribution->probability
                                                     : task.distribution->surprisal;
  for (std::size_t i = 0; i < table.truth.size(); ++i) table.items.push_back(std::to_string(i + 1));
  return table.truth.empty() ? std::nullopt : std::optional(std::move(table));
}

std::optional<ItemTable> attention_table(const Task& task) {
  ItemTable table;
  table.kind = TableKind::attention;
  for (const AttendedKey& known : task.attention) {
    if (std::find(table.items.begin(), table.items.end(), known.head) != table.items.end())
      continue;
    table.items.push_back(known.head);
    table.membership.push_back(known.causal ? Membership::member : Membership::none);
    table.truth.push_back(known.mass.empty() ? std::vector<double>(task.prompts.size(), 1.0)
                                             : known.mass);
  }
  return table.items.empty() ? std::nullopt : std::optional(std::move(table));
}

/// Layers of which it is known whether the variable that the training prompts label is there, and
/// for each what a control takes off.
std::optional<ItemTable> presence_table(const Truth& truth, const Task& task) {
  const auto variable =
      std::find_if(truth.variables.begin(), truth.variables.end(),
                   [&](const StreamVariable& known) { return known.name == task.variable; });
  if (task.variable.empty() || variable == truth.variables.end()) return std::nullopt;
  std::map<std::int64_t, bool> present;
  for (const std::int64_t layer : variable->absent_layers) present[layer] = false;
  if (variable->written_layer) {
    // A truth may leave out the components.
    const std::int64_t last = std::max(layers_of(truth), *variable->written_layer);
    for (std::int64_t layer = *variable->written_layer; layer <= last; ++layer)
      present[layer] = true;
  }
  ItemTable table;
  table.kind = TableKind::presence;
  for (const bool selectivity : {false, true})
    for (const auto& [layer, there] : present) {
      table.items.push_back(selectivity ? selectivity_item(layer) : std::to_string(layer));
      table.truth.emplace_back(task.prompts.size(), there ? 1.0 : 0.0);
      table.membership.push_back(there ? Membership::member : Membership::none);
      table.sums.push_back(selectivity);
    }
  return table.items.empty() ? std::nullopt : std::optional(std::move(table));
}

/// A tool whose axis counts blocks says nothing of the stream after the last one.
void leave_out_last_layer(ItemTable& table, const std::vector<ItemValues>& claimed,
                          std::int64_t n_layers) {
  const std::string prefix = std::to_string(n_layers) + ",";
  for (const ItemValues& values : claimed)
    for (const auto& [item, value] : values)
      if (item.starts_with(prefix)) return;
  for (std::size_t i = table.items.size(); i-- > 0;)
    if (table.items[i].starts_with(prefix)) {
      table.items.erase(table.items.begin() + static_cast<std::ptrdiff_t>(i));
      table.truth.erase(table.truth.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

}  // namespace

std::optional<ItemTable> truth_table(const Truth& truth, const Task& task, const ClaimInfo& claim,
                                     bool of_stream) {
  std::optional<ItemTable> table;
  if (claim.family == ClaimFamily::effects)
    table = of_stream ? (std::string(claim.effect) == "restore" ? stream_table(task) : std::nullopt)
                      : effect_table(task, claim);
  else if (claim.family == ClaimFamily::edges)
    table = edge_table(truth, task, claim);
  else if (claim.family == ClaimFamily::distribution)
    table = distribution_table(task, claim);
  else if (claim.family == ClaimFamily::attention)
    table = attention_table(task);
  else if (claim.family == ClaimFamily::presence)
    table = presence_table(truth, task);
  else if (claim.family == ClaimFamily::direction || claim.family == ClaimFamily::activation)
    table = feature_table(truth, task, claim);
  else if (claim.family != ClaimFamily::later && task.readout)
    table = readout_table(*task.readout, claim,
                          task.readout->rank.empty() ? 0 : task.readout->rank.size() - 1);
  if (table) table->answer_layer = truth.readout.answer_layer;
  return table;
}

void set_claimed(ItemTable& table, const std::vector<ItemValues>& claimed,
                 const TransformerSpec& spec) {
  if (table.kind == TableKind::stream) leave_out_last_layer(table, claimed, spec.n_layers);
  table.claimed.assign(table.items.size(), std::vector<double>(claimed.size(), kUnclaimed));
  for (std::size_t i = 0; i < table.items.size(); ++i)
    for (std::size_t p = 0; p < claimed.size(); ++p) {
      const auto found = claimed[p].find(table.items[i]);
      if (found == claimed[p].end()) continue;
      const bool never = table.kind == TableKind::layer && found->second < 0;
      table.claimed[i][p] = never ? static_cast<double>(spec.n_layers + 1) : found->second;
    }
}

}  // namespace lensbench::grading
