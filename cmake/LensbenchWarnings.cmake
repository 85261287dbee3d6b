# Warnings for lensbench's own targets; link to lensbench_warnings privately.
add_library(lensbench_warnings INTERFACE)
target_compile_options(lensbench_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  $<$<BOOL:${LENSBENCH_WERROR}>:-Werror>)
