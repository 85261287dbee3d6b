#pragma once

#include <cstdint>
#include <lensbench/error.hpp>
#include <lensbench/experiment.hpp>
#include <optional>
#include <string>

#include "bench/results/result_check.hpp"
#include "bench/runner.hpp"
#include "core/foreign_exception.hpp"

namespace lensbench {

/// Adds to `message` the tools from whose calls the exception came.
std::string with_tools(const std::string& message, const Experiment& experiment);

/// Adds to a refusal the tools whose result was saved in the expression that threw it, unless it
/// names its tool already.
std::string with_source(const std::string& message, const Experiment& experiment);

/// Runs `work` of an experiment and turns any exception into a failure.
/// \param has_called  whether a tool was called in this case; if not, the experiment's failed tools
///   are those of an earlier case
template <class Work, class HasCalled>
std::optional<CaseFailure> attempt(std::int64_t index, const Experiment& experiment, Work&& work,
                                   HasCalled&& has_called) {
  const auto failure = [&](const std::string& message, int exit_code) {
    return CaseFailure{index, has_called() ? with_tools(message, experiment) : message, exit_code};
  };
  try {
    work();
    return std::nullopt;
  } catch (const SaveError& error) {
    return CaseFailure{index, error.what(), error.exit_code()};
  } catch (const ResultError& error) {
    const std::string message = error.what();
    return CaseFailure{index, has_called() ? with_source(message, experiment) : message,
                       error.exit_code()};
  } catch (const Error& error) {
    return failure(error.what(), error.exit_code());
  } catch (...) {
    return failure(text_of_foreign_exception(), 5);
  }
}

}  // namespace lensbench
