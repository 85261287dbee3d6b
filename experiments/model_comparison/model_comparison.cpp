// The same texts read by two checkpoints with one vocabulary, such as two points of one training
// run: how far their predictions are apart, and where they part.

#include <ATen/ops/tensor.h>

#include <filesystem>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/token_analyzer.hpp>

namespace {

using namespace lensbench;

class ModelComparison final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"other", ParameterType::model, nullptr, "", "the other model"},
      {"top_k", ParameterType::integer, "10", "tokens", "candidates kept of each model"},
  };

  void run(Case& c) override {
    c.save("comparison", analyzer_->compare(c.tokens(), other(c), c.parameters().integer("top_k")));
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    std::vector<Dataset> comparisons;
    for (const auto number : summary.cases())
      comparisons.push_back(summary.dataset(number, "comparison"));

    Dataset table;
    table.add_coordinate("case", at::tensor(summary.cases(), at::kLong).to(at::kInt));
    for (const char* name : {"mean_kl", "mean_js_divergence", "top_agreement", "first_parting",
                             "perplexity", "perplexity_in_other"})
      table.add(per_case(comparisons, name));
    add_test(table);
    // The name alone: where it lies does not change the result.
    table.attributes["other"] =
        std::filesystem::path(summary.parameters().text("other")).filename().string();
    summary.save("summary", std::move(table));
  }

 private:
  /// Opened at the first case, in the same dtype and on the same device as the model under test.
  const Model& other(const Case& c) {
    if (other_ == nullptr) {
      other_ = Model::open(c.parameters().text("other"), c.model().options());
    }
    return *other_;
  }

  /// Whether one of the models reads the texts with less surprise, pair by pair.
  static void add_test(Dataset& table) {
    const Variable like{.name = "log_perplexity",
                        .units = "nats",
                        .long_name = "mean surprisal of a text, this model against the other"};
    const auto logs = [&](const char* name) { return table[name].tensor.log().unbind(0); };
    statistics::add_comparison(table, like, {}, logs("perplexity"), logs("perplexity_in_other"),
                               statistics::Comparison::paired_permutation);
  }

  /// A number of each comparison as one variable over cases.
  static Variable per_case(const std::vector<Dataset>& comparisons, const std::string& name) {
    std::vector<double> values;
    for (const Dataset& comparison : comparisons)
      values.push_back(comparison[name].tensor.item<double>());
    Variable column = comparisons.front()[name];
    column.dims = {"case"};
    column.tensor = at::tensor(values, at::kDouble);
    return column;
  }

  Uses<TokenAnalyzer> analyzer_{this, "token_analyzer"};
  std::shared_ptr<const Model> other_;
};

}  // namespace

LENSBENCH_EXPERIMENT(ModelComparison, "model_comparison", "1.1.0",
                     "Where do two checkpoints read the same text differently?");
