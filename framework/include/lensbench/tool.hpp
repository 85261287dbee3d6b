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

/// What the bench lends a tool: the model, activations shared between tools, the seed.
class LENSBENCH_API Context {
 public:
  /// \param model  what the tools look at
  /// \param seed   of the run
  /// \param share  hold the activations of a case, so that its tools share forwards; results are
  ///   the same without
  Context(std::shared_ptr<const Model> model, std::uint64_t seed, bool share = true);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Model& model() const { return *model_; }  ///< what the tools look at
  /// The same, for a tool that wraps it (`with_interventions`).
  std::shared_ptr<const Model> shared_model() const { return model_; }
  /// Seed of the run; derive streams with `Philox(seed(), stream)`.
  std::uint64_t seed() const { return seed_; }

  /// Activations of one sequence (batch of 1) by hook name or glob, from one forward.
  /// Shapes as in `hook_points`, batch first.
  /// \throws UsageError for a name that matches nothing
  std::map<std::string, at::Tensor> activations(const Tokens& tokens,
                                                const std::vector<std::string>& globs);

  /// What tools will mostly ask for of a case's tokens: the first forward of the first case reads
  /// it for all of them; from then on the bench goes by what was asked for in the case before. A
  /// hint: it changes no result. \throws UsageError for a name that matches nothing
  void expect(const std::vector<std::string>& globs);

  /// Forwards that `activations` has run.
  std::int64_t forwards() const;
  /// Requests to `activations` that needed none.
  std::int64_t shared() const;

  /// Called by the bench before each case: what is held of the last one goes.
  void begin_case();

 private:
  std::shared_ptr<const Model> model_;
  std::uint64_t seed_;
  std::unique_ptr<SharedForwards> forwards_;
};

/// An interpretability tool: tokens in, a labelled dataset out. It writes no file and prints
/// nothing.
///
/// A typed interface (`lensbench/tools/<name>.hpp`) derives from this and adds calls with typed
/// arguments; `run` is the generic entry for the command line and other languages.
class LENSBENCH_API Tool {
 public:
  virtual ~Tool();

  /// Says why this model cannot be analysed by throwing UsageError; called once after attach.
  virtual void check_compatible(const Model& model) const;

  /// The generic entry.
  /// \param tokens      one sequence
  /// \param parameters  resolved against the specs the plug-in declares for this tool
  virtual Dataset run(const Tokens& tokens, const Parameters& parameters) = 0;

  /// Hook points (names or globs) that this tool mostly asks the context for, so that the bench can
  /// read them for all tools of an experiment in one forward. A hint, and nothing by default.
  virtual std::vector<std::string> usual_hooks(const TransformerSpec& spec) const;

  /// Called by the bench before anything else; the context outlives the tool's use.
  void attach(Context& context);

 protected:
  Tool() = default;
  /// \throws RunError if the tool was never attached
  Context& context() const;
  const Model& model() const { return context().model(); }  ///< as `context()`

 private:
  Context* context_ = nullptr;
};

}  // namespace lensbench
