#pragma once

/// \file
/// Everything is hidden by default; what crosses a library boundary says so with LENSBENCH_API.

/// On a class or function that another library may use.
#define LENSBENCH_API __attribute__((visibility("default")))
