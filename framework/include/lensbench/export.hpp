#pragma once

// Everything is hidden by default; what crosses a library boundary says so with this macro.
#define LENSBENCH_API __attribute__((visibility("default")))
