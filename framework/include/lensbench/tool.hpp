#pragma once

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/request.hpp>
#include <lensbench/result_spec.hpp>
#include <lensbench/target.hpp>
#include <lensbench/tokens.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lensbench {

/// Expected cost of a request; a field that is not known is empty.
struct CostEstimate {
  std::optional<double> flops;        ///< floating-point operations
  std::optional<double> bytes;        ///< most memory in addition to the model, bytes
  std::optional<std::int64_t> items;  ///< items that `Context::progress` will count
};

/// An interpretability tool, which computes a labelled dataset from a request. A tool does not
/// write files and does not print.
///
/// A typed interface (`lensbench/tools/<name>.hpp`) derives from this and adds calls with typed
/// arguments; `run` is the generic entry for the command line and other languages. The order of the
/// virtual functions is part of the plug-in API.
class LENSBENCH_API Tool {
 public:
  virtual ~Tool();

  /// Throws UsageError with the reason if this tool cannot analyse the model. The bench calls it
  /// once after `attach`.
  virtual void check_compatible(const Model& model) const;

  /// Throws UsageError if the values cannot be used with the model of the context. The bench calls
  /// it before the first case, after it checked the values against the declared parameters, the
  /// tokens against the vocabulary, and the hook points against the model.
  virtual void check_parameters(const Parameters& parameters) const;

  /// Answers one request.
  virtual Dataset run(const Request& request) = 0;

  /// Answers several requests, in order; for a tool that is faster with several at once. By
  /// default, it calls `run` for each.
  virtual std::vector<Dataset> run_batch(std::span<const Request> requests);

  /// Expected cost of a request, for plans and progress; unknown by default.
  virtual CostEstimate estimate(const Request& request) const;

  /// Hook points (names or globs) that this tool usually requests from the context, a hint with
  /// which the bench reads those of all tools of an experiment in one forward. Empty by default.
  virtual std::vector<std::string> usual_hooks(const TransformerSpec& spec) const;

  /// Whether the tool reads the tokens of a request; true by default. A tool of which it is false
  /// reads the weights alone: it runs without a prompt, and its requests have no tokens.
  virtual bool reads_prompts() const;

  /// Whether `run_batch` is faster than one request after the other; false by default. If true and
  /// the tool runs alone, the bench calls it with the requests of consecutive cases of alike
  /// length, whose activations come from one forward.
  virtual bool takes_batches() const;

  /// Parameters that the plug-in declares for this tool; empty before `attach`.
  const std::vector<ParameterInfo>& declared_parameters() const { return declared_; }
  /// Values for the declared parameters of this tool: those given, and the defaults of the others.
  /// \throws UsageError under the conditions of `Parameters::resolve`
  Parameters parameters(const Settings& given = {}) const;
  /// Answers a request with these tokens and settings, `{}` for all defaults.
  /// \throws UsageError under the conditions of `Parameters::resolve`
  Dataset run(const Tokens& tokens, const Settings& given);

  /// Sets the context, which must outlive the use of the tool. The bench calls it first.
  /// \param context   services for the tool
  /// \param declared  parameters that the plug-in declares for this tool
  /// \param subject   owner of the parameters, for messages: `tool 'logit_lens'`
  void attach(Context& context, std::vector<ParameterInfo> declared = {},
              std::string subject = "tool");

 protected:
  Tool() = default;
  /// The context of the tool. \throws RunError if `attach` was not called
  Context& context() const;
  /// The model of the context. \throws RunError if `attach` was not called
  const Model& model() const { return context().model(); }

 private:
  Context* context_ = nullptr;
  std::vector<ParameterInfo> declared_;
  std::string subject_;
};

}  // namespace lensbench
