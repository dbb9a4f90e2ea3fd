# lambdakiq_add_lambda_package(TARGET [NAME name]): a target `lambda-package` (or the name) that makes
# bootstrap.zip in the build directory: the program and every library it needs, for the provided.al2023
# runtime of AWS Lambda. The C library comes along, so the machine that builds may be newer than Lambda's.
set(LAMBDAKIQ_LAMBDA_PACKAGE_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/lambda_package.sh")

function(lambdakiq_add_lambda_package target)
  cmake_parse_arguments(package "" "NAME" "" ${ARGN})
  if(NOT package_NAME)
    set(package_NAME lambda-package)
  endif()
  add_custom_target(${package_NAME}
    COMMAND ${CMAKE_COMMAND} -E env CMAKE=${CMAKE_COMMAND} sh "${LAMBDAKIQ_LAMBDA_PACKAGE_SCRIPT}"
      "$<TARGET_FILE:${target}>" "${CMAKE_CURRENT_BINARY_DIR}/bootstrap.zip"
    DEPENDS ${target}
    VERBATIM)
endfunction()
