#include <ATen/ATen.h>

#include <lensbench/patching.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>

using namespace lensbench;

/// Experiment over pairs of prompts: where does the residual stream carry the difference between a
/// prompt and its corrupted form, and does that depend on the label of the pair?
class PairsByLabel final : public Experiment {
 public:
  void run(Case& c) override {
    const PatchSweep sweep =
        patch_sweep(c.model(), c.tokens(), c.corrupted(),
                    logit_difference(answer(c, "target"), answer(c, "versus")));

    // One axis for each dimension: blocks of the model, tokens of the prompt.
    Dataset result;
    add_token_axis(result, c.tokens().ids, c.tokens().texts);
    result.add_coordinate("block", at::tensor(sweep.layers));
    result.add("recovery", {"block", "token"}, sweep.recovery, "1",
               "share of the logit difference that the clean stream restores");
    // Variables without a token axis: after the run they have a `case` axis.
    result.add("clean", {}, at::scalar_tensor(sweep.clean_metric, at::kDouble), "1",
               "logit difference of the prompt");
    result.add("corrupted", {}, at::scalar_tensor(sweep.corrupted_metric, at::kDouble), "1",
               "logit difference of the corrupted prompt");
    c.save("patching", std::move(result));
  }

  void finish(Summary& summary) override {
    const auto groups = summary.groups("label");
    if (groups.empty())
      throw UsageError("pairs_by_label: no prompt has the field 'label'; add it to the JSONL file");
    std::vector<std::string> labels;
    std::vector<std::int64_t> sizes;
    std::vector<at::Tensor> means;  // [block] for each label
    for (const auto& [label, cases] : groups) {
      std::vector<at::Tensor> last;  // [block] for each case: recovery at the last token
      for (const auto number : cases)
        last.push_back(summary.dataset(number, "patching")["recovery"].tensor.select(1, -1));
      labels.push_back(label);
      sizes.push_back(static_cast<std::int64_t>(cases.size()));
      means.push_back(at::stack(last).mean(0));
    }
    Dataset result;
    result.add_coordinate("label", labels);  // a variable of texts
    result.add_coordinate("block", at::arange(means.front().size(0)));
    result.add("pairs", {"label"}, at::tensor(sizes), "1", "pairs with this label");
    result.add("recovery_mean", {"label", "block"}, at::stack(means), "1",
               "mean recovery at the last token");
    summary.save("by_label", std::move(result));
  }

 private:
  /// Token that a field of the case has as its text.
  static std::int64_t answer(const Case& c, const std::string& field) {
    const auto text = c.field(field);
    if (!text)
      throw UsageError("pairs_by_label: the field '" + field +
                       "' is missing; give the text of one token");
    return to_single_token(c.model(), *text);
  }
};

LENSBENCH_EXPERIMENT(PairsByLabel, "pairs_by_label", "1.0.0",
                     "Where does the stream carry the difference of two prompts, by label?");
