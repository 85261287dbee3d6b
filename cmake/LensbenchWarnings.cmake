# Warnings for lensbench's own targets; link to lensbench_warnings privately.
add_library(lensbench_warnings INTERFACE)
target_compile_options(lensbench_warnings INTERFACE
  # g++ 12 has a false positive about overlapping strings in operator+ (GCC bug 105651).
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  $<$<BOOL:${LENSBENCH_WERROR}>:-Werror>)
