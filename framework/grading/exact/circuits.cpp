#include "grading/exact/circuits.hpp"

#include <ATen/TensorOperators.h>

#include <string>

#include "grading/truth/component_name.hpp"

namespace lensbench::grading {
namespace {

std::string target_of(const Reader& reader) {
  using Kind = ComponentPlace::Kind;
  if (reader.slot == Slot::logits) return "logits";
  return reader.slot == Slot::in ? component_name({Kind::mlp, reader.layer, 0})
                                 : component_name({Kind::head, reader.layer, reader.head});
}

const char* slot_text(Slot slot) {
  switch (slot) {
    case Slot::q:
      return "q";
    case Slot::k:
      return "k";
    case Slot::v:
      return "v";
    default:
      return "in";
  }
}

/// What the sources of edges that are not kept wrote in the corrupted run, less what they write
/// now; undefined if all are kept.
at::Tensor missing(const ExactRun& corrupted, const std::set<Edge>& kept, const Reader& reader,
                   const ExactRun& run) {
  using Kind = ComponentPlace::Kind;
  const std::string target = target_of(reader), slot = slot_text(reader.slot);
  at::Tensor sum;
  const auto add = [&](const std::string& source, const at::Tensor& then, const at::Tensor& now) {
    if (kept.contains({source, target, slot})) return;
    sum = sum.defined() ? sum + (then - now) : then - now;
  };
  add("embed", corrupted.streams[0], run.streams[0]);
  for (std::size_t i = 0; i < run.heads.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i);
    for (std::int64_t head = 0; head < run.heads[i].size(2); ++head)
      add(component_name({Kind::head, layer, head}), corrupted.heads[i].select(2, head),
          run.heads[i].select(2, head));
    if (i < run.mlps.size())
      add(component_name({Kind::mlp, layer, 0}), corrupted.mlps[i], run.mlps[i]);
  }
  return sum;
}

}  // namespace

at::Tensor circuit_metric(const ExactTask& task, const std::set<Edge>& kept) {
  const ExactRun run = run_with(task.model, task.ids, task.positions,
                                [&](const Reader& reader, const ExactRun& now) {
                                  return missing(task.corrupted, kept, reader, now);
                                });
  return metric_of(task, run.logits);
}

}  // namespace lensbench::grading
