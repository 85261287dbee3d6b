// Comparison of two checkpoints with one vocabulary, such as two steps of one training run, on the
// same texts: distance of their predictions, and the first position where their choices differ.

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
      {"top_k", ParameterType::integer, "10", "tokens", "candidates listed for each model",
       "[0, inf)"},
  };

  void check_parameters(const Parameters& parameters, const Model&) override {
    const Settings& given = parameters.values();
    analyzer_->check_parameters(
        analyzer_->parameters({{"versus_model", given.at("other")}, {"top_k", given.at("top_k")}}));
  }

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
    // Scalars that `compare` computes for each text.
    for (const char* name : {"mean_kl", "mean_js_divergence", "top_agreement", "first_parting",
                             "perplexity", "perplexity_in_other"})
      table.add(per_case(comparisons, name));
    add_test(table);
    // Only the name, since the path does not change the result.
    table.attributes["other"] =
        std::filesystem::path(summary.parameters().text("other")).filename().string();
    summary.save("summary", std::move(table));
  }

 private:
  /// The other model, opened at the first case, in the dtype and on the device of the tested model.
  const Model& other(const Case& c) {
    if (other_ == nullptr) {
      other_ = Model::open(c.parameters().text("other"), c.model().options());
    }
    return *other_;
  }

  /// Paired test of the mean surprisal of the texts under the two models: the logarithm of the
  /// perplexity is the mean surprisal, and each text is its own control.
  static void add_test(Dataset& table) {
    const Variable like{.name = "log_perplexity",
                        .units = "nats",
                        .long_name = "mean surprisal of a text, this model against the other"};
    const auto logs = [&](const char* name) { return table[name].tensor.log().unbind(0); };
    statistics::add_comparison(table, like, {}, logs("perplexity"), logs("perplexity_in_other"),
                               statistics::Comparison::paired_permutation);
  }

  /// A scalar of each comparison as one variable over cases.
  static Variable per_case(const std::vector<Dataset>& comparisons, const std::string& name) {
    std::vector<double> values;
    values.reserve(comparisons.size());
    for (const Dataset& comparison : comparisons)
      values.push_back(comparison[name].tensor.item<double>());
    // Unit and description stay those of the tool.
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
                     "Where do the predictions of two checkpoints differ on the same text?");
