#include "report/page/encoded_parts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace lensbench::page {
namespace {

void note_signs(FilledPart& filled, const at::Tensor& values) {
  if (values.numel() == 0 || !at::isFloatingType(values.scalar_type())) return;
  filled.negative = values.lt(0).any().item<bool>();
  filled.positive = values.gt(0).any().item<bool>();
}

FilledPart encode_texts(const PagePart& part, Form form) {
  const auto& texts = part.stored->facts.strings;
  if (!part.axis) return {{std::ssize(texts)}, text_block(texts, form), {}};
  return {{part.rows.count},
          text_block(
              {texts.begin() + part.rows.first, texts.begin() + part.rows.first + part.rows.count},
              form),
          {}};
}

/// Values with at most `ranks` ranks.
at::Tensor first_ranks(const PageVariable& variable, at::Tensor values, std::int64_t ranks) {
  if (const auto axis = rank_axis(variable); axis && values.size(*axis) > ranks)
    return values.narrow(static_cast<std::int64_t>(*axis), 0, ranks).contiguous();
  return values;
}

/// Different ids that are not negative, ascending.
std::vector<std::int64_t> distinct(const std::int64_t* ids, std::int64_t count) {
  // Vocabularies are far smaller; a larger id comes from a file of others.
  constexpr std::int64_t kMostMarks = std::int64_t{1} << 24;
  const std::int64_t* end = ids + count;
  const std::int64_t most = std::accumulate(
      ids, end, std::int64_t{-1}, [](std::int64_t a, std::int64_t b) { return std::max(a, b); });
  std::vector<std::int64_t> found;
  if (most < kMostMarks) {
    std::vector<bool> marks(static_cast<std::size_t>(most + 1));
    for (const std::int64_t* id = ids; id != end; ++id)
      if (*id >= 0) marks[static_cast<std::size_t>(*id)] = true;
    for (std::size_t id = 0; id < marks.size(); ++id)
      if (marks[id]) found.push_back(static_cast<std::int64_t>(id));
    return found;
  }
  found.assign(ids, end);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  found.erase(found.begin(), std::lower_bound(found.begin(), found.end(), 0));
  return found;
}

FilledPart encode(const PageVariable& variable, const at::Tensor& values, Precision precision,
                  Form form) {
  FilledPart filled{values.sizes().vec(), {}, {}};
  if (variable.facts().holds == Holds::token_ids) {
    const at::Tensor whole = values.to(at::kLong).contiguous();
    const std::int64_t* data = whole.data_ptr<std::int64_t>();
    filled.ids = distinct(data, whole.numel());
    // Ids change little from layer to layer, and not at all along other axes.
    const bool layers = variable.dims.front() == "layer" || variable.dims.front() == "block";
    filled.block = layers ? id_block(values, form) : number_block(values, Precision::exact, form);
    return filled;
  }
  note_signs(filled, values);
  filled.block = number_block(values, precision, form);
  return filled;
}

}  // namespace

std::optional<std::size_t> rank_axis(const PageVariable& variable) {
  const auto found = std::find(variable.dims.begin(), variable.dims.end(), "rank");
  if (found == variable.dims.end() || !variable.stored->rows) return std::nullopt;
  return static_cast<std::size_t>(found - variable.dims.begin());
}

at::Tensor EncodedParts::sample_of(const PageVariable& variable, const PagePart& part,
                                   Sample sample) {
  const Rows some{part.shape()[sample.axis] / 2, sample.rows};
  if (sample.axis > 0)
    return values_of(variable, part)
        .narrow(static_cast<std::int64_t>(sample.axis), some.first, some.count);
  if (part.axis == 0)
    return read_rows_of(*part.stored, 0, {part.rows.first + some.first, some.count});
  return read_rows_of(*part.stored, part.axis, part.rows, some);
}

std::size_t EncodedParts::least_bytes(const Key& key, const PageVariable& variable,
                                      const PagePart& part) {
  constexpr std::int64_t kFew = 200'000, kSamples = 16;
  const auto ranks = std::get<std::int64_t>(key);
  const auto precision = std::get<Precision>(key);
  std::vector<std::int64_t> shape = part.shape();
  if (const auto axis = rank_axis(variable)) shape[*axis] = std::min(ranks, shape[*axis]);
  const std::int64_t cells = cells_of(shape);
  if (form_ == Form::plain) return static_cast<std::size_t>(cells);
  if (cells < kFew) return 0;  // encoded as quickly
  const auto [known, is_new] = least_bytes_.try_emplace(key, 0);
  if (!is_new) return known->second;
  // Rows of the first axis are read alone. Where it is short, the longest one is cut after reading.
  const auto longest =
      static_cast<std::size_t>(std::max_element(shape.begin(), shape.end()) - shape.begin());
  const std::size_t axis = shape[0] >= kSamples ? 0 : longest;
  if (shape[axis] < kSamples) return 0;
  const std::int64_t rows = shape[axis] / kSamples;
  const at::Tensor values =
      first_ranks(variable, sample_of(variable, part, {axis, rows + 1}), ranks);
  // Ids need many bytes in the first row and few in the next ones: the first one is not counted.
  const auto bytes = [&](std::int64_t count) {
    return encode(variable, values.narrow(static_cast<std::int64_t>(axis), 0, count).contiguous(),
                  precision, form_)
        .block.size();
  };
  const std::size_t all = bytes(rows + 1), first = bytes(1);
  // Other rows may need fewer bytes, hardly less than half.
  known->second =
      (all > first ? all - first : 0) * static_cast<std::size_t>(shape[axis] / rows) / 2;
  return known->second;
}

at::Tensor EncodedParts::values_of(const PageVariable& variable, const PagePart& part) {
  return first_ranks(variable, read_rows_of(*part.stored, part.axis, part.rows), most_ranks_);
}

const FilledPart* EncodedParts::part(const std::vector<PageRun>& runs, const PartPlace& at,
                                     std::int64_t ranks, Precision precision, std::size_t room) {
  const Key key(at, ranks, precision);
  if (const auto known = parts_.find(key); known != parts_.end()) return &known->second;
  const PageVariable& variable = runs[at.run].results[at.result]->variables[at.variable];
  const PagePart& part = variable.parts[at.part];
  if (!part.stored->rows) return &parts_.emplace(key, encode_texts(part, form_)).first->second;
  if (least_bytes(key, variable, part) > room) return nullptr;
  const at::Tensor values = first_ranks(variable, values_of(variable, part), ranks);
  return &parts_.emplace(key, encode(variable, values, precision, form_)).first->second;
}

}  // namespace lensbench::page
