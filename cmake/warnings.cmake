# The warnings every target of ours builds without. -Werror only in development presets: a newer
# compiler must not break an install.
function(lambdakiq_strict target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wcast-qual -Wpointer-arith
    -Wwrite-strings -Wformat=2 -Wvla -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wduplicated-cond -Wduplicated-branches -Wlogical-op)
  endif()
  if(LAMBDAKIQ_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(LAMBDAKIQ_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${LAMBDAKIQ_SANITIZE}
      -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${LAMBDAKIQ_SANITIZE})
  endif()
endfunction()
