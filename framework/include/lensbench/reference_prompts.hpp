#pragma once

#include <functional>
#include <lensbench/context.hpp>
#include <lensbench/export.hpp>
#include <lensbench/tokens.hpp>
#include <string>

namespace lensbench {

/// Prompts that a tool averages over or draws from, its parameter `reference`: those of a file, or
/// of all cases of the run.
class LENSBENCH_API ReferencePrompts {
 public:
  /// \param context  services of the bench; must outlive this object
  /// \param file     one prompt in each line, or JSONL with `text` or `ids`; empty: the cases
  ReferencePrompts(const Context& context, std::string file);

  /// Calls `visit` with each prompt, in order.
  /// \throws InputError with file and line for a prompt that cannot be read; RunError if the run is
  ///   to stop
  void for_each(const std::function<void(const Tokens&)>& visit) const;
  /// Checks, without a forward, that a mean over the prompts has a meaning. A file is read once.
  /// \param subject  what averages, for the message: `layer_attribution: ablation 'mean'`
  /// \throws UsageError if there are fewer than two, in the file or, without one, in the cases of
  ///   the run
  /// \throws InputError with file and line for a prompt that cannot be read
  void check_mean(const std::string& subject) const;

  /// Key of the prompts: means of equal keys are equal.
  std::string key() const;
  /// Name for results: that of the file without its folder, or `cases`.
  std::string name() const;
  /// Adds the attribute `reference`, which is `name`, and for a file `reference_sha256`, the digest
  /// of its bytes. \throws InputError if the file cannot be read
  void describe(Dataset& result) const;

 private:
  const Context& context_;
  std::string file_;
};

}  // namespace lensbench
