#pragma once

/// \file
/// Visibility of symbols. All symbols are hidden by default; a declaration that crosses a library
/// boundary is marked with LENSBENCH_API.

/// Marks a class or function that other libraries may use.
#define LENSBENCH_API __attribute__((visibility("default")))
