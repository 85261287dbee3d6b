#include "probe.hpp"

#include <algorithm>
#include <utility>

#include "fits.hpp"
#include "options.hpp"
#include "plan.hpp"
#include "read_examples.hpp"
#include "result.hpp"

namespace lensbench::probing {

void ProbeTool::check_parameters(const Parameters& parameters) const {
  make_plan(model(), read(parameters.text("examples")), options_of(parameters), context().seed());
}

CostEstimate ProbeTool::estimate(const Request& request) const {
  const ProbePlan plan = make_plan(model(), read(request.parameters().text("examples")),
                                   options_of(request.parameters()), context().seed());
  const TransformerSpec& spec = model().spec();
  const auto width = static_cast<double>(plan.width), rows = static_cast<double>(plan.examples());
  const auto points = static_cast<double>(plan.n_points());
  double tokens = 0;
  for (const Tokens& one : plan.tokens) tokens += static_cast<double>(one.size());
  CostEstimate cost;
  // Ten Newton steps of each fit, of which a fold has one for each penalty and one after them, for
  // the labels and two controls.
  const double fits = static_cast<double>(plan.options.folds) * 3 *
                      (static_cast<double>(plan.options.lambdas.size()) + 1);
  const double step = rows * width * std::min(width, rows) + width * width * width / 3;
  const auto blocks = static_cast<double>(spec.n_layers),
             stream = static_cast<double>(spec.d_model);
  cost.flops = 24 * blocks * stream * stream * tokens + points * fits * 10 * step;
  cost.bytes = std::min(points * rows * width * 4, static_cast<double>(std::int64_t{1} << 30)) +
               rows * width * 8 * 4 + std::min(width, rows) * std::min(width, rows) * 8 * 3;
  cost.items = fit_items(plan);
  return cost;
}

Dataset ProbeTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  const std::string& file = parameters.text("examples");
  // The file may change between two requests of the same name.
  std::string key = context().file_digest(file);
  for (const auto& [name, value] : parameters.values()) key += name + '=' + value + '\0';
  if (last_ && last_key_ == key) return *last_;
  Dataset dataset = fit(read(file), options_of(parameters));
  context().record_file(dataset, "examples", file);
  last_key_ = std::move(key);
  last_ = dataset;
  return dataset;
}

Dataset ProbeTool::fit(const std::vector<ProbeExample>& examples, const ProbeOptions& options) {
  const ProbePlan plan = make_plan(model(), examples, options, context().seed());
  const Fits fits = fit_points(context(), plan);
  return result_of(plan, fits, context().seed());
}

std::vector<ProbeExample> ProbeTool::read(const std::string& file) const {
  return read_examples(model(), file);
}

}  // namespace lensbench::probing
