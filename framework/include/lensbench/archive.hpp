#pragma once

#include <cstdint>
#include <filesystem>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// \file
/// Archives of runs, for programs that read them.

namespace lensbench {

/// Progress of a case of a run; `/units/status` of an archive stores these numbers.
enum class CaseStatus : std::int8_t {
  planned = 0,   ///< not run yet
  complete = 1,  ///< ended with results
  failed = 2,    ///< ended with an error
};

/// Name of a status: `planned`, `complete` or `failed`.
LENSBENCH_API std::string to_string(CaseStatus status);

/// One case of an archive: what was asked and how it ended.
struct ArchivedCase {
  std::string id;                             ///< id of the case, unique in its archive
  std::string text;                           ///< prompt; empty if token ids were given
  std::vector<std::int64_t> ids;              ///< token ids of the prompt
  std::map<std::string, std::string> fields;  ///< other fields of the case, as text
  CaseStatus status = CaseStatus::planned;    ///< how the case ended
  std::string error;                          ///< reason why the case failed; empty if it did not
};

/// A sealed archive, open for reading. Values are read from the file when they are asked for.
///
/// The file is read in this process. That is for archives that you trust: a file made to harm can
/// crash the HDF5 library, for which reason the commands of lensbench read in a child process.
/// \throws InputError  every function, for a file that is damaged where it reads it
class LENSBENCH_API Archive {
 public:
  /// Opens an archive of any format up to that of this version, and checks its structure but not
  /// its digests (see `verify`).
  /// \throws InputError for a file that is missing, not HDF5, not a lensbench archive, or of a
  ///   later format
  explicit Archive(const std::filesystem::path& path);
  ~Archive();
  /// Moves the open file.
  Archive(Archive&& other) noexcept;
  /// Closes this file and moves the other one.
  Archive& operator=(Archive&& other) noexcept;

  /// Path that the archive was opened with.
  const std::filesystem::path& path() const;
  /// Version of the format of the file: 1 or 2.
  std::int64_t format() const;
  /// Attributes of the file: `title`, `experiment`, `experiment_version`, `results_sha256` and
  /// others (docs/archive.md).
  const std::map<std::string, Attribute>& attributes() const;
  /// The request of the run as JSON text: tool or experiment, parameters, model, dtype, seed.
  std::string request() const;

  /// Cases in the order of the run; the variable `case` of a result has indices of this list.
  std::vector<ArchivedCase> cases() const;

  /// Names of the results, in the order in which they were stored.
  std::vector<std::string> names() const;
  /// Reads one result with its receipts. The values of all cases are concatenated along the
  /// dimension `token`, of which `case` and `position` are coordinates; a result without tokens has
  /// the dimension `case`. Shapes, units and meanings are those of the variables.
  /// \throws InputError with the names of all results if the archive does not have this one
  Dataset read(const std::string& name) const;

  /// Computes the digests of everything in the file and compares them with those that it holds.
  /// \throws InputError with the first part that differs
  void verify() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
