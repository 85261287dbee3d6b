#include "token_analyzer/text_logits.hpp"

#include <algorithm>

namespace lensbench::token_analysis {
namespace {

constexpr std::int64_t kBlockElements = std::int64_t{1} << 22;  // 16 MiB of float32

/// Rows whose logits fit the limit; at least one, however large the vocabulary.
std::int64_t rows_per_block(const Model& model) {
  return std::max<std::int64_t>(1, kBlockElements / model.spec().vocab_size);
}

/// Logits [count, vocab] float32 on the CPU.
at::Tensor decode(const Model& model, const at::Tensor& residual, std::int64_t first,
                  std::int64_t count) {
  return on_cpu(model.unembed(model.final_norm(residual.narrow(0, first, count))));
}

/// A view of one row, valid as long as the block.
LogitRow row_of(const at::Tensor& block, std::int64_t row) {
  const auto vocab = static_cast<std::size_t>(block.size(1));
  return {block.data_ptr<float>() + static_cast<std::size_t>(row) * vocab, vocab};
}

}  // namespace

at::Tensor on_cpu(const at::Tensor& logits) {
  return logits.to(at::kCPU, at::kFloat).contiguous();
}

LogitRow as_row(const at::Tensor& logits) {
  return {logits.data_ptr<float>(), static_cast<std::size_t>(logits.numel())};
}

/// Ids and pictures are needed for a forward; texts would be copied for nothing.
at::Tensor final_residual(const Model& model, const Tokens& tokens, std::int64_t count,
                          std::optional<std::int64_t> prompt) {
  Tokens read;
  read.ids.assign(tokens.ids.begin(), tokens.ids.begin() + count);
  read.pictures = tokens.pictures;
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.prompt_length = prompt;
  return model.forward(make_batch(read), options).residual.select(0, 0);
}

void for_each_row(const Model& model, const at::Tensor& residual, const RowVisitor& visit) {
  const std::int64_t step = rows_per_block(model);
  for (std::int64_t first = 0; first < residual.size(0); first += step) {
    const std::int64_t count = std::min(step, residual.size(0) - first);
    const at::Tensor block = decode(model, residual, first, count);
    for (std::int64_t row = 0; row < count; ++row) visit(first + row, row_of(block, row));
  }
}

/// Both models in step, so that only one tile of logits of each is in memory.
void for_each_pair(const Model& own, const at::Tensor& own_residual, const Model& other,
                   const at::Tensor& other_residual, const PairVisitor& visit) {
  const std::int64_t step = rows_per_block(own);
  for (std::int64_t first = 0; first < own_residual.size(0); first += step) {
    const std::int64_t count = std::min(step, own_residual.size(0) - first);
    const at::Tensor own_block = decode(own, own_residual, first, count);
    const at::Tensor other_block = decode(other, other_residual, first, count);
    for (std::int64_t row = 0; row < count; ++row)
      visit(first + row, row_of(own_block, row), row_of(other_block, row));
  }
}

}  // namespace lensbench::token_analysis
