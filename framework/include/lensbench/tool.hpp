#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/target.hpp>
#include <lensbench/tokens.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lensbench {

class SharedForwards;

/// Services of the bench for a tool: the model, activations shared between tools, the seed.
class LENSBENCH_API Context {
 public:
  /// \param model  model that the tools analyse
  /// \param seed   seed of the run
  /// \param share  keep the activations of a case, so that its tools share forwards; does not
  /// change
  ///   results
  Context(std::shared_ptr<const Model> model, std::uint64_t seed, bool share = true);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Model& model() const { return *model_; }  ///< model that the tools analyse
  /// Shared pointer to the model, for a tool that wraps it (`with_interventions`).
  std::shared_ptr<const Model> shared_model() const { return model_; }
  /// Seed of the run; derive streams with `Philox(seed(), stream)`.
  std::uint64_t seed() const { return seed_; }

  /// Activations of one sequence (batch of 1) by hook name or glob, from one forward.
  /// The shapes are those of `hook_points`, batch first.
  /// \throws UsageError for a name that does not match a hook point
  std::map<std::string, at::Tensor> activations(const Tokens& tokens,
                                                const std::vector<std::string>& globs);

  /// Announces the hook points that tools will request for the tokens of a case, a hint that does
  /// not change results. The first forward of the first case reads all of them; in later cases, the
  /// bench reads in advance the hook points that were requested in the previous case.
  /// \throws UsageError for a name that does not match a hook point
  void expect(const std::vector<std::string>& globs);

  /// Number of forwards that `activations` ran.
  std::int64_t forwards() const;
  /// Number of requests to `activations` that did not need a forward.
  std::int64_t shared() const;

  /// Discards the activations of the previous case. The bench calls it before each case.
  void begin_case();

 private:
  std::shared_ptr<const Model> model_;
  std::uint64_t seed_;
  std::unique_ptr<SharedForwards> forwards_;
};

/// An interpretability tool, which computes a labelled dataset from tokens. A tool does not write
/// files and does not print.
///
/// A typed interface (`lensbench/tools/<name>.hpp`) derives from this and adds calls with typed
/// arguments; `run` is the generic entry for the command line and other languages.
class LENSBENCH_API Tool {
 public:
  virtual ~Tool();

  /// Throws UsageError with the reason if this tool cannot analyse the model. The bench calls it
  /// once after `attach`.
  virtual void check_compatible(const Model& model) const;

  /// Analyses one sequence.
  /// \param tokens      one sequence
  /// \param parameters  values for the specs that the plug-in declares for this tool
  virtual Dataset run(const Tokens& tokens, const Parameters& parameters) = 0;

  /// Hook points (names or globs) that this tool usually requests from the context, a hint with
  /// which the bench reads those of all tools of an experiment in one forward. Empty by default.
  virtual std::vector<std::string> usual_hooks(const TransformerSpec& spec) const;

  /// Sets the context, which must outlive the use of the tool. The bench calls it first.
  void attach(Context& context);

 protected:
  Tool() = default;
  /// The context of the tool. \throws RunError if `attach` was not called
  Context& context() const;
  /// The model of the context. \throws RunError if `attach` was not called
  const Model& model() const { return context().model(); }

 private:
  Context* context_ = nullptr;
};

}  // namespace lensbench
