#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <string>

namespace lensbench::patching {

/// Prompts that replacements come from: those of a file, or of all cases of the run.
class Reference {
 public:
  /// \param file  one prompt in each line, or JSONL with `text` or `ids`; empty: the cases
  Reference(const Context& context, std::string file) : context_(context), file_(std::move(file)) {}

  /// Calls `visit` with each prompt, in order.
  /// \throws InputError with file and line for a prompt that cannot be read; RunError if the run is
  ///   to stop
  void for_each(const std::function<void(const Tokens&)>& visit) const;
  /// \throws UsageError if there are fewer than two cases and no file
  void check_mean() const;
  /// First tokens, as many as the prompt has, of another prompt that is at least as long, drawn by
  /// the seed of the run and the prompt. \throws UsageError if there is none
  Tokens draw(const Tokens& prompt) const;

  /// Key of the prompts: means of equal keys are equal.
  std::string key() const;
  /// Name for results: that of the file without its folder, or `cases`.
  std::string name() const;

  /// Philox stream of `draw`.
  static constexpr std::uint64_t kStream = 0x70617463;

 private:
  const Context& context_;
  std::string file_;
};

}  // namespace lensbench::patching
