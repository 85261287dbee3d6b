#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Services of the bench for a tool: the model, activations shared between tools, the seed,
/// progress, and results that survive an interruption.
///
/// A context belongs to one thread: the one that calls the tool. A tool that starts threads of its
/// own must not call the context from them, except `cancelled` and `progress`.
class LENSBENCH_API Context {
 public:
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Model& model() const;  ///< model that the tools analyse
  /// Shared pointer to the model, for a tool that wraps it (`with_interventions`).
  std::shared_ptr<const Model> shared_model() const;
  /// Seed of the run; derive streams with `Philox(seed(), stream)`.
  std::uint64_t seed() const;

  /// Activations of one sequence (batch of 1) by hook name or glob, from one forward.
  /// The shapes are those of `hook_points`, batch first.
  /// \throws UsageError for a name that does not match a hook point
  std::map<std::string, at::Tensor> activations(const Tokens& tokens,
                                                const std::vector<std::string>& globs);

  /// Tokens of the prompts of all cases of the run, in order, for what is averaged over prompts. It
  /// is equal in every process that works on the run. A case that cannot be tokenized, or is longer
  /// than the model's positions, is left out. Empty without a run. Prompts are tokenized at the
  /// first call; the reference is valid during the run.
  const std::vector<Tokens>& reference_prompts() const;

  /// Tokens of the text of a prompt, as `to_tokens` with the rule of the tokenizer. The context
  /// keeps the ids, so that each text is tokenized once. \throws as `to_tokens`
  Tokens tokens_of(const std::string& text) const;

  /// SHA-256 of the bytes of a file, in hexadecimal digits. A file is hashed again only when it has
  /// changed. \throws InputError if it cannot be read
  std::string file_digest(const std::filesystem::path& file) const;
  /// Records in a result a file that it was computed from, so that a replay shows that the file has
  /// changed: attribute NAME is the name of the file, NAME_sha256 the digest of its bytes. Nothing
  /// is recorded for an empty text and for `generated:N`, which are not files. \param result result
  /// to which the attributes are added \param name    name of the option that names the file:
  /// `reference` \param file    path of a file, or `ARCHIVE.h5:results/NAME`, whose archive is
  /// hashed \throws InputError if the file cannot be read
  void record_file(Dataset& result, const std::string& name, const std::string& file) const;
  /// Records in a result another model that it was computed from: attribute NAME is the name of its
  /// folder (`model` if it was not read from one), NAME_sha256 the SHA-256 of the lines that
  /// `sha256sum` prints for its files, sorted by name.
  /// \param result  result to which the attributes are added
  /// \param name    name of the option that names the model: `donor`
  /// \param model   the other model
  /// \throws InputError if a file cannot be read
  void record_model(Dataset& result, const std::string& name, const Model& model) const;

  /// Reports how far long work of a tool has come; the command shows it in its progress bar.
  /// \param done   finished items
  /// \param total  all items; 0 if unknown
  void progress(std::int64_t done, std::int64_t total);
  /// Whether the user asked the run to stop. A tool with long work calls it between steps, keeps
  /// what it has with `commit`, and throws RunError.
  bool cancelled() const;

  /// Keeps an intermediate state of long work on disk, so that a run that is resumed goes on after
  /// it. It belongs to the current case, or to the whole run if its key begins with `run_`, and is
  /// not part of the archive. A later state of the key replaces an earlier one.
  /// \param key    name of the state, [A-Za-z][A-Za-z0-9_]*
  /// \param state  the state
  /// \throws UsageError for an invalid key; RunError if it cannot be written
  void commit(const std::string& key, const Dataset& state);
  /// State that `commit` kept for the current case or the run; empty if there is none.
  std::optional<Dataset> committed(const std::string& key) const;

 private:
  friend struct ContextAccess;
  struct State;
  explicit Context(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
