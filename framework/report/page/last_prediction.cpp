#include "report/page/last_prediction.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>

namespace lensbench::page {
namespace {

const PagePart* part_of(const PageVariable& variable, std::int64_t number) {
  const auto found = std::find_if(variable.parts.begin(), variable.parts.end(),
                                  [&](const PagePart& part) { return part.number == number; });
  return found == variable.parts.end() ? nullptr : &*found;
}

/// Ranks of the last layer and token of a variable [layer, token, rank], as float64.
at::Tensor last_ranks(const PagePart& part) {
  const std::int64_t layer = part.stored->shape[0] - 1;
  const at::Tensor row =
      part.stored->rows({layer}, part.rows.first + part.rows.count - 1, 1).to(at::kDouble);
  return row.flatten().contiguous();
}

std::string last_layer_of(const PageResult& result, const PageVariable& variable) {
  const std::string& dim = variable.dims.front();
  for (const PageDim& one : result.dims)
    if (one.name == dim && !one.labels.empty()) return dim + " " + one.labels.back();
  return dim + " " + std::to_string(variable.stored->shape[0] - 1);
}

void add(std::vector<LastPrediction>& all, const PageRun& run, const PageResult& result,
         const PageVariable& ids, const PageVariable& shares) {
  for (const PageTokens& tokens : result.tokens) {
    const PagePart *id = part_of(ids, tokens.number), *share = part_of(shares, tokens.number);
    if (id == nullptr || share == nullptr || tokens.count == 0 || ids.stored->shape[0] == 0)
      continue;
    const std::string prefix = ids.name.substr(0, ids.name.size() - 6);
    LastPrediction one{result.name + (prefix.empty() ? "" : " " + prefix) + ", case " +
                           run.source->cases[static_cast<std::size_t>(tokens.number)].id,
                       tokens.input_token.empty() ? "" : tokens.input_token.back(),
                       last_layer_of(result, ids),
                       {}};
    const at::Tensor which = last_ranks(*id), how = last_ranks(*share);
    for (std::int64_t i = 0; i < std::min<std::int64_t>(5, which.numel()); ++i)
      one.candidates.emplace_back(
          run.source->token(static_cast<std::int64_t>(which.data_ptr<double>()[i])),
          how.data_ptr<double>()[i]);
    all.push_back(std::move(one));
    return;
  }
}

}  // namespace

std::vector<LastPrediction> last_predictions(const PageRun& run) {
  std::vector<LastPrediction> all;
  for (const auto& result : run.results)
    for (const PageVariable& ids : result->variables) {
      const bool shaped = ids.dims.size() == 3 && ids.dims[1] == "token" && ids.dims[2] == "rank";
      if (!shaped || !ids.name.ends_with("top_id") || !ids.stored->rows) continue;
      const std::string name = ids.name.substr(0, ids.name.size() - 2) + "probability";
      for (const PageVariable& shares : result->variables)
        if (shares.name == name && shares.dims == ids.dims && shares.stored->rows)
          add(all, run, *result, ids, shares);
    }
  return all;
}

}  // namespace lensbench::page
