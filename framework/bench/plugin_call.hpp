#pragma once

#include <lensbench/error.hpp>
#include <string>
#include <utility>

#include "core/foreign_exception.hpp"

namespace lensbench {

/// Calls code of a plug-in outside the cases, where an exception ends the run.
/// \param subject  what the plug-in was asked, for the message
/// \throws RunError for an exception of any type; errors of lensbench pass as they are
template <class Work>
auto call_plugin(const std::string& subject, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error&) {
    throw;
  } catch (...) {
    throw RunError(subject + " failed: " + text_of_foreign_exception());
  }
}

}  // namespace lensbench
