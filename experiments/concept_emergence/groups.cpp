#include "groups.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <limits>
#include <optional>
#include <set>

namespace concept_emergence {

using lensbench::Dataset;

Answers read_answers(const lensbench::Summary& summary, const std::string& name) {
  Answers answers;
  std::vector<at::Tensor> log_p, rank, control_log_p, control_rank;
  std::optional<std::vector<std::string>> controls;
  bool all_controls = true;
  summary.for_each(name, [&](std::int64_t number, const Dataset& lens) {
    answers.labels.push_back(summary.field(number, "label").value_or(kUnlabelled));
    log_p.push_back(lens["answer_concept_log_probability"].tensor.to(at::kDouble));
    rank.push_back(lens["answer_concept_rank"].tensor);
    const std::vector<std::string> own =
        lens.contains("control") ? lens["control"].strings : std::vector<std::string>();
    if (!controls) controls = own;
    all_controls = all_controls && !own.empty() && own == *controls;
    if (!all_controls) return;
    control_log_p.push_back(lens["control_log_probability"].tensor.to(at::kDouble));
    control_rank.push_back(lens["control_rank"].tensor);
  });
  if (log_p.empty()) return answers;
  answers.log_probability = at::stack(log_p);
  answers.rank = at::stack(rank);
  if (!all_controls) return answers;
  answers.control_log_probability = at::stack(control_log_p);
  answers.control_rank = at::stack(control_rank);
  return answers;
}

std::vector<std::string> labels_of(const Answers& answers) {
  const std::set<std::string> labels(answers.labels.begin(), answers.labels.end());
  return {labels.begin(), labels.end()};
}

std::vector<std::int64_t> pictures_of(const Answers& answers, const std::string& label) {
  std::vector<std::int64_t> pictures;
  for (std::size_t i = 0; i < answers.labels.size(); ++i)
    if (answers.labels[i] == label) pictures.push_back(static_cast<std::int64_t>(i));
  return pictures;
}

at::Tensor settled(const at::Tensor& rank, std::int64_t within) {
  return rank.le(within).to(at::kDouble).flip(-2).cumprod(-2).flip(-2);
}

at::Tensor separation(const at::Tensor& inside, const at::Tensor& outside) {
  if (inside.size(0) == 0 || outside.size(0) == 0)
    return at::full({inside.size(1), inside.size(2)}, std::numeric_limits<double>::quiet_NaN(),
                    at::kDouble);
  const at::Tensor own = inside.unsqueeze(1), other = outside.unsqueeze(0);
  const at::Tensor larger = own.gt(other).to(at::kDouble) + own.eq(other).to(at::kDouble) / 2;
  return larger.mean(at::IntArrayRef{0, 1});
}

std::vector<std::int64_t> first_above_zero(const at::Tensor& low) {
  // The product from the last layer down is 1 as long as every layer is above 0; NaN is not.
  const at::Tensor layers = low.gt(0).to(at::kLong).flip(0).cumprod(0).sum(0).contiguous();
  std::vector<std::int64_t> first;
  first.reserve(static_cast<std::size_t>(layers.numel()));
  for (std::int64_t i = 0; i < layers.numel(); ++i) {
    const std::int64_t count = layers.data_ptr<std::int64_t>()[i];
    first.push_back(count == 0 ? -1 : low.size(0) - count);
  }
  return first;
}

}  // namespace concept_emergence
