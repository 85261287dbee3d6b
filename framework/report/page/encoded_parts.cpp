#include "report/page/encoded_parts.hpp"

#include <ATen/ATen.h>

#include <algorithm>
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

/// Values of a part with at most `ranks` ranks.
at::Tensor values_of(const PageVariable& variable, const PagePart& part, std::int64_t ranks) {
  at::Tensor values = read_rows_of(*part.stored, part.axis, part.rows);
  if (const auto axis = rank_axis(variable); axis && values.size(*axis) > ranks)
    values = values.narrow(static_cast<std::int64_t>(*axis), 0, ranks).contiguous();
  return values;
}

FilledPart encode(const PageVariable& variable, const at::Tensor& values, Precision precision,
                  Form form) {
  FilledPart filled{values.sizes().vec(), {}, {}};
  if (variable.facts().holds == Holds::token_ids) {
    const at::Tensor whole = values.to(at::kLong).contiguous();
    const std::int64_t* data = whole.data_ptr<std::int64_t>();
    filled.ids.insert(data, data + whole.numel());
    filled.ids.erase(filled.ids.begin(), filled.ids.lower_bound(0));
    // Ids change little from layer to layer, and not at all along other axes.
    const bool layers = variable.dims.front() == "layer" || variable.dims.front() == "block";
    filled.block = layers ? id_block(values, form) : number_block(values, Precision::exact, form);
    return filled;
  }
  note_signs(filled, values);
  filled.block = number_block(values, precision, form);
  return filled;
}

/// Whether a sixteenth of the values along their longest axis needs so many bytes that the whole
/// needs more than the room. A part of few cells is not tried: it is encoded as quickly.
bool exceeds(const PageVariable& variable, const at::Tensor& values, Precision precision,
             std::size_t room, Form form) {
  constexpr std::int64_t kFew = 200'000, kParts = 16;
  if (form == Form::plain) return static_cast<std::size_t>(values.numel()) > room;
  if (values.numel() < kFew) return false;
  const auto shape = values.sizes();
  const auto axis = std::max_element(shape.begin(), shape.end()) - shape.begin();
  if (shape[static_cast<std::size_t>(axis)] < kParts) return false;
  const std::int64_t some = shape[static_cast<std::size_t>(axis)] / kParts;
  const at::Tensor first = values.narrow(axis, 0, some).contiguous();
  // Other parts of the values may need fewer bytes, hardly less than half.
  return encode(variable, first, precision, form).block.size() * kParts / 2 > room;
}

}  // namespace

std::optional<std::size_t> rank_axis(const PageVariable& variable) {
  const auto found = std::find(variable.dims.begin(), variable.dims.end(), "rank");
  if (found == variable.dims.end() || !variable.stored->rows) return std::nullopt;
  return static_cast<std::size_t>(found - variable.dims.begin());
}

const FilledPart* EncodedParts::part(const std::vector<PageRun>& runs, const PartPlace& at,
                                     std::int64_t ranks, Precision precision, std::size_t room) {
  const auto key = std::tuple(at, ranks, precision);
  if (const auto known = parts_.find(key); known != parts_.end()) return &known->second;
  const PageVariable& variable = runs[at.run].results[at.result]->variables[at.variable];
  const PagePart& part = variable.parts[at.part];
  if (!part.stored->rows) return &parts_.emplace(key, encode_texts(part, form_)).first->second;
  const at::Tensor values = values_of(variable, part, ranks);
  if (exceeds(variable, values, precision, room, form_)) return nullptr;
  return &parts_.emplace(key, encode(variable, values, precision, form_)).first->second;
}

}  // namespace lensbench::page
