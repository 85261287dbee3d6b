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

/// What the bench lends a tool: the model, activations shared between tools, the seed.
class LENSBENCH_API Context {
 public:
  /// \param model  what the tools look at
  /// \param seed   of the run
  /// \param share  keep the activations of the latest tokens, so that a second tool that asks for
  ///   the same ones costs no forward
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

  /// Forwards that `activations` has run.
  std::int64_t forwards() const { return forwards_; }

 private:
  std::shared_ptr<const Model> model_;
  std::uint64_t seed_;
  bool share_;
  std::int64_t forwards_ = 0;
  std::vector<std::int64_t> held_ids_;
  std::map<std::string, at::Tensor> held_;
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
