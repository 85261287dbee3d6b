#pragma once

#include <gtest/gtest.h>

#include <string>

namespace lensbench::testing {

/// The message of the E that `call` throws; a failure, and an empty string, if it throws none.
template <class E, class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace lensbench::testing
