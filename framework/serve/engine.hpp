#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/files/file_descriptor.hpp"

namespace lensbench::serve {

/// What became of a question.
struct Answer {
  /// Kind of the outcome.
  enum class Kind {
    answered,   ///< `body` has the data of a page
    refused,    ///< the question is wrong; `body` is a sentence
    failed,     ///< the tool failed; `body` is a sentence
    cancelled,  ///< the question was cancelled
  };
  Kind kind = Kind::failed;
  std::string body;
};

/// An archive that was written on request. Its file has no name any more.
struct SavedArchive {
  FileDescriptor file;
  std::string name;      ///< name to save it under
  std::string problem;   ///< a sentence; empty if there is a file
  bool is_known = true;  ///< false: there is no such answer, or it is not kept any more
};

/// Answers questions, one at a time. All functions return at once; what they begin ends on another
/// thread, which calls the function that was given.
class Engine {
 public:
  virtual ~Engine();
  /// Facts for the page: the model, the tools and their parameters.
  virtual const nlohmann::json& description() const = 0;
  /// Begins to answer the body of a request.
  /// \return number of the question; empty if another one runs
  virtual std::optional<std::int64_t> ask(std::string body, std::function<void(Answer)> done) = 0;
  /// Cancels the question that runs. \param number  nothing is done if another one runs; empty: any
  /// \return whether one runs
  virtual bool cancel(std::optional<std::int64_t> number) = 0;
  /// State of the question that runs, for the page.
  virtual nlohmann::json progress() const = 0;
  /// Writes the archive of an answer when no question runs.
  virtual void save(std::int64_t number, std::function<void(SavedArchive)> done) = 0;
};

}  // namespace lensbench::serve
