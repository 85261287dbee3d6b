# lensbench_light_optimisation(TARGET) compiles with -O1 in a release, which takes a quarter less time
# than -O3: for code whose work is done by libraries and by the layers core, checkpoint, archive, vision
# and model, which are optimised fully.
function(lensbench_light_optimisation target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()
