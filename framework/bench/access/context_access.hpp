#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <memory>
#include <string>
#include <vector>

namespace lensbench {

class RunServices;

/// What the bench does with the context of a run, in addition to what tools may do.
struct ContextAccess {
  /// \param model  model that the tools analyse
  /// \param seed   seed of the run
  /// \param share  keep the activations of a case, so that its tools share forwards; does not
  ///   change results
  static Context make(std::shared_ptr<const Model> model, std::uint64_t seed, bool share = true);

  /// Context of another model with the seed of the run; each model has one until the run ends. That
  /// of the model of the run is `context` itself.
  /// \throws UsageError for a null pointer
  static Context& of_model(Context& context, const std::shared_ptr<const Model>& model);

  /// Announces the hook points that tools will request for the tokens of a case, a hint that does
  /// not change results. The first forward of the first case reads all of them; in later cases, the
  /// bench reads in advance the hook points that were requested in the previous case.
  /// \throws UsageError for a name that does not match a hook point
  static void expect(Context& context, const std::vector<std::string>& globs);

  /// Discards the activations of the previous case, and its states where no run keeps them.
  static void begin_case(Context& context);

  /// Sets the source of `Context::reference_prompts`, which is called at most once.
  static void set_reference_prompts(Context& context, std::function<std::vector<Tokens>()> source);

  /// Connects the context to a run; nullptr disconnects it.
  static void connect(Context& context, RunServices* services);

  /// Number of forwards that `Context::activations` ran, those of other models included.
  static std::int64_t forwards(const Context& context);
  /// Number of requests to `Context::activations` that did not need a forward, likewise.
  static std::int64_t shared(const Context& context);
};

}  // namespace lensbench
