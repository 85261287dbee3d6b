// usage: make_archives FOLDER [NAME...]
// Writes made-up archives through the product's own writer, by which the page of `lensbench report`
// and its limits are tested without a model. Without names: all but `huge` (a gigabyte).
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <map>

#include "archive/run/run_writer.hpp"
#include "browser/made_values.hpp"

namespace lensbench::made {
namespace {

using Results = std::map<std::string, Dataset>;

RunPlan plan_of(const std::string& title, const std::vector<std::vector<std::int64_t>>& cases) {
  RunPlan plan;
  plan.title = title;
  plan.experiment = "made_up";
  plan.experiment_version = "1.0.0";
  plan.request = {{"kind", "experiment"},
                  {"name", "made_up"},
                  {"seed", 0},
                  {"tools", {"logit_lens"}},
                  {"parameters", {{"top_k", "5"}}}};
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 1000}};
  plan.plugins = {{"made", "1.0.0", std::string(64, 'b'), "logit_lens 1.0.0", ""}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    std::string text;
    for (const std::int64_t id : cases[i]) text += word(id);
    plan.cases.push_back({"prompt-" + std::to_string(i + 1), text,
                          static_cast<std::int64_t>(cases[i].size()), std::string(64, 'c'),
                          cases[i]});
  }
  return plan;
}

std::map<std::int64_t, std::string> words_of(const RunWriter& writer,
                                             std::map<std::int64_t, std::string> texts) {
  std::map<std::int64_t, std::string> used;
  for (const std::int64_t id : writer.token_ids())
    used[id] = texts.count(id) > 0 ? texts[id] : word(id);
  return used;
}

/// Writes a run; `results` gives what a case saves, an empty map is a failure.
void write(const std::filesystem::path& path, const RunPlan& plan,
           const std::function<Results(std::int64_t number)>& results,
           const Results& summaries = {},
           const std::map<std::int64_t, std::string>& texts = vocabulary(),
           const std::string& error = "out of tokens") {
  std::filesystem::remove(path);
  RunWriter writer = RunWriter::start(path, plan, false);
  CaseCosts costs;
  costs.whole = {0.25, 1e8, 1};
  costs.tools = {{"logit_lens", {0.125, 1e8, 1}}};
  for (std::int64_t i = 0; i < std::ssize(plan.cases); ++i) {
    const Results saved = results(i);
    if (saved.empty())
      writer.commit_failure(i, error, costs);
    else
      writer.commit(i, saved, costs);
  }
  writer.seal(summaries, words_of(writer, texts), {}, {{"threads", 1}, {"lensbench", "1.0.0"}},
              {{"host", "here"}, {"model_directory", "models/made-up"}});
}

std::vector<std::vector<std::int64_t>> made_cases(std::int64_t count, std::int64_t tokens,
                                                  Noise& from) {
  std::vector<std::vector<std::int64_t>> cases;
  for (std::int64_t i = 0; i < count; ++i) cases.push_back(made_ids(tokens, from));
  return cases;
}

void write_lenses(const std::filesystem::path& path, std::int64_t cases, std::int64_t layers,
                  std::int64_t tokens, std::int64_t top_k) {
  Noise from(1);
  const auto ids = made_cases(cases, tokens, from);
  write(path, plan_of("Made-up lens", ids), [&](std::int64_t i) -> Results {
    return {{"logit_lens", lens(ids[static_cast<std::size_t>(i)], layers, top_k, from)}};
  });
}

/// The run by which the size of a usual page is measured: 8 prompts x 256 tokens, 13 layers, two
/// tools.
void write_usual(const std::filesystem::path& path) {
  Noise from(2);
  const auto ids = made_cases(8, 256, from);
  write(path, plan_of("A usual run", ids), [&](std::int64_t i) -> Results {
    const auto& one = ids[static_cast<std::size_t>(i)];
    return {{"logit_lens", lens(one, 13, 10, from)}, {"token_analyzer", analysis(one, from)}};
  });
}

void write_many(const std::filesystem::path& path) {
  Noise from(3);
  const auto ids = made_cases(10'000, 12, from);
  write(path, plan_of("Ten thousand cases", ids), [&](std::int64_t i) -> Results {
    const auto& one = ids[static_cast<std::size_t>(i)];
    if (i % 997 == 5) return {};
    Dataset scores;
    scores.add(variable("margin", {}, at::scalar_tensor(from.next(), at::kFloat), "table"));
    return {{"token_analyzer", analysis(one, from)}, {"scores", scores}};
  });
}

/// Patterns [block, head, query, key] whose rows are distributions.
Dataset attention(const std::vector<std::int64_t>& ids, std::int64_t blocks, std::int64_t heads,
                  Noise& from) {
  Dataset dataset;
  add_tokens(dataset, ids);
  const auto n = static_cast<std::int64_t>(ids.size());
  at::Tensor pattern = at::zeros({blocks, heads, n, n}, at::kFloat);
  float* data = pattern.data_ptr<float>();
  for (std::int64_t row = 0; row < blocks * heads * n; ++row) {
    const std::int64_t query = row % n;
    double sum = 0;
    for (std::int64_t key = 0; key <= query; ++key) {
      // A few decimal places, as sharp heads have: most weights are close to 0.
      const double weight = std::floor(std::pow(from.next(), 8) * 64) / 64;
      data[row * n + key] = static_cast<float>(weight);
      sum += weight;
    }
    if (sum == 0) data[row * n] = 1, sum = 1;
    for (std::int64_t key = 0; key <= query; ++key)
      data[row * n + key] = static_cast<float>(data[row * n + key] / sum);
  }
  dataset.add(variable("pattern", {"block", "head", "query_position", "key_position"}, pattern,
                       "attention", "1", "attention weights"));
  dataset.add(
      variable("received", {"block", "head", "token"}, noise({blocks, heads, n}, from), "heatmap"));
  return dataset;
}

void write_attention(const std::filesystem::path& path, std::int64_t cases, std::int64_t tokens,
                     std::int64_t blocks, std::int64_t heads) {
  Noise from(4);
  const auto ids = made_cases(cases, tokens, from);
  write(path, plan_of("Made-up attention", ids), [&](std::int64_t i) -> Results {
    return {{"attention", attention(ids[static_cast<std::size_t>(i)], blocks, heads, from)}};
  });
}

/// Texts that would change a page in which they were not escaped.
void write_hostile(const std::filesystem::path& path) {
  Noise from(5);
  const std::string attack = "</script><img src=x onerror=alert(1)>";
  const auto ids = made_cases(3, 9, from);
  RunPlan plan = plan_of(attack + "</title><script>alert(2)</script>", ids);
  plan.cases[0].id = attack;
  plan.cases[1].id = "\" onmouseover=\"alert(3)";
  plan.cases[1].text = "<!-- --><style>*{display:none}</style>]]>&lt;&#60;\x01\x7f\xE2\x80\xAE";
  plan.cases[2].id = "<b>three</b>";
  plan.files[0].name = "<iframe src=//example.invalid>";
  plan.request["parameters"]["<script>"] = "'\"><script>alert(4)</script>";
  std::map<std::int64_t, std::string> texts;
  for (std::int64_t id = 0; id < kVocabulary; ++id)
    texts[id] = id % 3 == 0 ? attack : id % 3 == 1 ? "<!--" : "\"'><svg onload=alert(5)>";
  write(
      path, plan,
      [&](std::int64_t i) -> Results {
        if (i == 2) return {};
        Dataset dataset = lens(ids[static_cast<std::size_t>(i)], 5, 5, from);
        dataset.attributes["note"] = attack;
        dataset.receipts = {make_receipt("<i>receipt</i>", 1, 0.5, attack)};
        return {{"logit_lens", dataset}};
      },
      {}, texts, attack);
}

void write_failed(const std::filesystem::path& path) {
  Noise from(6);
  const auto ids = made_cases(6, 14, from);
  write(path, plan_of("Failed cases and receipts", ids), [&](std::int64_t i) -> Results {
    if (i == 1 || i == 4) return {};
    Dataset dataset = lens(ids[static_cast<std::size_t>(i)], 7, 5, from);
    dataset.receipts = {
        make_receipt("lens_last_layer_equals_logits", i == 2 ? 3.1e-2 : 1e-7, 1e-4, "float32"),
        make_receipt("sums_to_one", 1e-8, 1e-6, "float32"),
        make_receipt("never_measured", std::nan(""), 1e-6, "not measured")};
    return {{"logit_lens", dataset}};
  });
}

Dataset patching(const std::vector<std::int64_t>& ids, Noise& from) {
  Dataset dataset;
  add_tokens(dataset, ids);
  add_layer_axis(dataset, 6);
  const auto n = static_cast<std::int64_t>(ids.size());
  dataset.add(variable("recovery", {"layer", "token"}, noise({7, n}, from, -0.4, 1.3), "patching",
                       "1", "share of the effect that is restored"));
  std::vector<std::string> corrupted;
  for (const std::int64_t id : ids) corrupted.push_back(word((id + 1) % kVocabulary));
  dataset.add("corrupted_token", "token", corrupted, "tokens of the second prompt");
  return dataset;
}

Dataset contributions(const std::vector<std::int64_t>& ids, Noise& from) {
  Dataset dataset;
  add_tokens(dataset, ids);
  const auto n = static_cast<std::int64_t>(ids.size());
  dataset.add_coordinate(
      "component", std::vector<std::string>{"embed", "attn_0", "mlp_0", "attn_1", "mlp_1", "bias"});
  dataset.add(variable("contribution", {"component", "token"}, noise({6, n}, from, -2, 3), "bars",
                       "1", "part of the logit"));
  dataset.add(variable("head_contribution", {"block", "head", "token"},
                       noise({4, 8, n}, from, -1, 1), "heatmap", "1",
                       "part of the logit of each head"));
  return dataset;
}

Dataset graph(Noise& from) {
  Dataset dataset;
  constexpr std::int64_t kNodes = 40, kEdges = 300;
  at::Tensor source = at::empty({kEdges}, at::kInt), target = at::empty({kEdges}, at::kInt);
  for (std::int64_t i = 0; i < kEdges; ++i) {
    const auto a = from.below(kNodes - 1);
    source.data_ptr<int>()[i] = static_cast<int>(a);
    target.data_ptr<int>()[i] = static_cast<int>(a + 1 + from.below(kNodes - 1 - a));
  }
  std::vector<std::string> labels;
  for (std::int64_t i = 0; i < kNodes; ++i) labels.push_back("node " + std::to_string(i));
  dataset.add_coordinate("node", labels, "name of the node");
  dataset.add(variable("node_layer", {"node"}, at::arange(kNodes, at::kInt).floor_divide(8),
                       "graph", "1", "layer of the node"));
  dataset.add(variable("node_position", {"node"}, at::arange(kNodes, at::kInt).remainder(8),
                       "graph", "1", "position of the node"));
  dataset.add(
      variable("edge_source", {"edge"}, source, "graph", "1", "node at which the edge begins"));
  dataset.add(
      variable("edge_target", {"edge"}, target, "graph", "1", "node at which the edge ends"));
  dataset.add(variable("edge_weight", {"edge"}, noise({kEdges}, from, -1, 1), "graph", "1",
                       "weight of the edge"));
  return dataset;
}

Dataset image(Noise& from) {
  Dataset dataset;
  dataset.add_coordinate("layer", at::arange(5, at::kInt));
  dataset.add(variable("patch_probability", {"layer", "patch"}, noise({5, 16}, from), "image", "1",
                       "probability of the label in each patch"));
  at::Tensor rectangles = at::empty({16, 4}, at::kFloat);
  for (std::int64_t i = 0; i < 16; ++i) {
    float* one = rectangles.data_ptr<float>() + i * 4;
    one[0] = static_cast<float>(i % 4) * 56, one[1] = static_cast<float>(i / 4) * 56, one[2] = 56,
    one[3] = 56;
  }
  dataset.add(variable("patch_rectangle", {"patch", "edge_of_rectangle"}, rectangles, "image",
                       "pixels", "left, top, width, height"));
  return dataset;
}

/// Summaries with intervals and tests.
Dataset statistics(Noise& from) {
  Dataset dataset;
  add_layer_axis(dataset, 6);
  dataset.add_coordinate("bound", std::vector<std::string>{"low", "high"});
  const at::Tensor mean = noise({7}, from, 0.2, 0.8).to(at::kDouble);
  dataset.add(variable("gain_mean", {"layer"}, mean, "statistics", "1", "mean over cases"));
  dataset.add(variable("gain_interval", {"bound", "layer"}, at::stack({mean - 0.1, mean + 0.1}),
                       "statistics", "1", "confidence interval of the mean"));
  dataset.add(variable("gain_p", {"layer"}, noise({7}, from).to(at::kDouble), "statistics", "1",
                       "p value"));
  dataset.add(variable("gain_p_adjusted", {"layer"}, noise({7}, from).to(at::kDouble), "statistics",
                       "1", "p value after Holm's correction"));
  dataset.attributes["method"] = std::string("paired permutation test");
  return dataset;
}

/// One variable of every view, so that views are tested before a tool writes them.
void write_views(const std::filesystem::path& path) {
  Noise from(7);
  const auto ids = made_cases(3, 12, from);
  write(path, plan_of("One result of each view", ids),
        [&](std::int64_t i) -> Results {
          const auto& one = ids[static_cast<std::size_t>(i)];
          return {{"logit_lens", lens(one, 7, 5, from)},
                  {"token_analyzer", analysis(one, from)},
                  {"attention", attention(one, 2, 4, from)},
                  {"activation_patching", patching(one, from)},
                  {"layer_attribution", contributions(one, from)},
                  {"image_lens", image(from)}};
        },
        {{"circuit", graph(from)}, {"statistics", statistics(from)}});
}

/// Two archives of one request with another seed: a case with other tokens, another number of
/// layers' values, one case that the other lacks.
void write_pair(const std::filesystem::path& folder) {
  for (const bool second : {false, true}) {
    Noise from(8);
    auto ids = made_cases(3, 15, from);
    if (second) ids[1].erase(ids[1].begin() + 4), ids[1].push_back(7), ids.pop_back();
    RunPlan plan = plan_of("Made-up lens", ids);
    plan.request["seed"] = second ? 1 : 0;
    if (second) plan.files[0].sha256 = std::string(64, 'd');
    write(folder / (second ? "pair-b.h5" : "pair-a.h5"), plan, [&](std::int64_t i) -> Results {
      Noise own(100 + static_cast<std::uint64_t>(i) + (second && i > 0 ? 50 : 0));
      return {{"logit_lens", lens(ids[static_cast<std::size_t>(i)], 7, 5, own)}};
    });
  }
}

using Write = std::function<void(const std::filesystem::path& folder)>;

const std::vector<std::pair<std::string, Write>> kArchives = {
    {"long", [](const auto& folder) { write_lenses(folder / "long.h5", 1, 101, 4000, 5); }},
    {"usual", [](const auto& folder) { write_usual(folder / "usual.h5"); }},
    {"many", [](const auto& folder) { write_many(folder / "many.h5"); }},
    {"attention",
     [](const auto& folder) { write_attention(folder / "attention.h5", 1, 1024, 1, 64); }},
    {"heads", [](const auto& folder) { write_attention(folder / "heads.h5", 2, 48, 4, 8); }},
    {"hostile", [](const auto& folder) { write_hostile(folder / "hostile.h5"); }},
    {"failed", [](const auto& folder) { write_failed(folder / "failed.h5"); }},
    {"views", [](const auto& folder) { write_views(folder / "views.h5"); }},
    {"pair", write_pair},
    {"huge", [](const auto& folder) { write_lenses(folder / "huge.h5", 36, 101, 4000, 10); }},
};

int make(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  std::filesystem::create_directories(folder);
  for (const auto& [name, write_archive] : kArchives) {
    const bool named = std::find(names.begin(), names.end(), name) != names.end();
    if (named || (names.empty() && name != "huge")) write_archive(folder);
  }
  return 0;
}

}  // namespace
}  // namespace lensbench::made

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: make_archives FOLDER [NAME...]\n";
    return 2;
  }
  return lensbench::made::make(argv[1], {argv + 2, argv + argc});
}
