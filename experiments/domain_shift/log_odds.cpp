#include "log_odds.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/hooks.hpp>
#include <limits>

namespace domain_shift {
namespace {

using namespace lensbench;

/// Rows whose logits are in memory at a time.
constexpr std::int64_t kRows = 32;

/// Log odds from logits: of all terms together in the first column, then of each term.
/// \param logits  [row, vocab] \return [row, 1 + term] float64
at::Tensor odds_of(const at::Tensor& logits, const at::Tensor& ids) {
  const at::Tensor wide = logits.to(at::kCPU).to(at::kDouble);
  const at::Tensor own = wide.index_select(1, ids);
  const at::Tensor others = wide.index_fill(1, ids, -std::numeric_limits<double>::infinity());
  const at::Tensor all =
      own.logsumexp({1}, /*keepdim=*/true) - others.logsumexp({1}, /*keepdim=*/true);
  std::vector<at::Tensor> columns{all};
  columns.reserve(static_cast<std::size_t>(ids.numel()) + 1);
  // The other tokens are summed and not subtracted from 1, which a probability near 1 would cancel.
  for (std::int64_t term = 0; term < ids.numel(); ++term) {
    const at::Tensor rest =
        wide.index_fill(1, ids.narrow(0, term, 1), -std::numeric_limits<double>::infinity());
    columns.push_back(own.narrow(1, term, 1) - rest.logsumexp({1}, /*keepdim=*/true));
  }
  return at::cat(columns, 1);
}

at::Tensor lens_odds(const Model& model, const at::Tensor& stream, const at::Tensor& ids) {
  std::vector<at::Tensor> parts;
  for (std::int64_t first = 0; first < stream.size(0); first += kRows) {
    const at::Tensor rows = stream.slice(0, first, first + kRows);
    parts.push_back(odds_of(model.unembed(model.final_norm(rows)), ids));
  }
  return at::cat(parts);
}

}  // namespace

namespace {

std::int64_t term_id(const Model& model, const std::string& term, const std::string& where) {
  try {
    return parse_token(model.tokenizer().get(), term, model.spec().vocab_size);
  } catch (const UsageError& error) {
    throw InputError(where + error.what());
  }
}

void check_number_of_terms(const Terms& terms, const Model& model, const std::string& path) {
  if (terms.ids.empty())
    throw InputError(path + ": the file lacks terms; write one token in each line, such as ' ark'");
  if (std::ssize(terms.ids) >= model.spec().vocab_size)
    throw InputError(path +
                     ": the terms are the whole vocabulary, so their probability is 1; "
                     "leave some out");
}

}  // namespace

Terms read_terms(const Model& model, const std::string& path) {
  std::ifstream file(path);
  // A folder opens, but has nothing to read.
  if (!file || std::filesystem::is_directory(path))
    throw InputError("'" + path +
                     "': the file of terms cannot be read; give a text file with one "
                     "term in each line");
  Terms terms;
  std::int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    const std::string where = path + ":" + std::to_string(number) + ": ";
    const std::int64_t id = term_id(model, line, where);
    if (std::find(terms.ids.begin(), terms.ids.end(), id) != terms.ids.end())
      throw InputError(where + "the term '" + line + "' is there twice; remove one of the lines");
    terms.texts.push_back(line);
    terms.ids.push_back(id);
  }
  check_number_of_terms(terms, model, path);
  return terms;
}

LogOdds log_odds_of(const Model& model, const Tokens& tokens, const Terms& terms) {
  const std::int64_t n_layers = model.spec().n_layers;
  std::vector<at::Tensor> streams(static_cast<std::size_t>(n_layers + 1));
  Hooks hooks;
  for (std::int64_t layer = 0; layer <= n_layers; ++layer)
    hooks.read(residual_hook(model.spec(), layer),
               [&streams, layer](const at::Tensor& stream, const HookPoint&) {
                 streams[static_cast<std::size_t>(layer)] = stream[0];
               });
  const ForwardOutput output =
      model.forward(make_batch(tokens), {.logits = ForwardOptions::Logits::last}, hooks);
  const at::Tensor ids = at::tensor(terms.ids, at::kLong);
  std::vector<at::Tensor> layers;
  layers.reserve(streams.size());
  for (const at::Tensor& stream : streams) layers.push_back(lens_odds(model, stream, ids));
  const at::Tensor all = at::stack(layers);  // [layer, token, 1 + term]
  const at::Tensor own = odds_of(output.logits.flatten(0, 1), ids)[0];
  return {all.select(2, 0).contiguous(), all.slice(2, 1).contiguous(),
          (all[n_layers][tokens.size() - 1] - own).abs().max().item<double>() /
              std::max(1.0, output.logits.abs().max().item<double>())};
}

}  // namespace domain_shift
