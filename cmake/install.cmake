# What `cmake --install` puts where, in three components: runtime (the shared library), development
# (header, static library, pkg-config, CMake package, lambdakiq.3), command (lambdakiq, lambdakiq.1).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(lambdakiq_static STATIC $<TARGET_OBJECTS:lambdakiq_objects>)
set_target_properties(lambdakiq_static PROPERTIES OUTPUT_NAME lambdakiq EXPORT_NAME static)
target_include_directories(lambdakiq_static INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# By the names that the package's configuration finds them under.
target_link_libraries(lambdakiq_static INTERFACE
  $<INSTALL_INTERFACE:PkgConfig::LAMBDAKIQ_CURL>
  $<INSTALL_INTERFACE:PkgConfig::LAMBDAKIQ_CRYPTO>
  $<INSTALL_INTERFACE:PkgConfig::LAMBDAKIQ_JANSSON>)

install(TARGETS lambdakiq EXPORT lambdakiqTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development)
install(TARGETS lambdakiq_static EXPORT lambdakiqTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(FILES include/lambdakiq.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES docs/man/lambdakiq.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT development)

# pkg-config: it says where it is itself, for `cmake --install --prefix` and cpack choose another place
# than the one that was configured.
set(LAMBDAKIQ_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /)
  string(REGEX REPLACE "/$" "" up "${up}")
  set(LAMBDAKIQ_PC_PREFIX "\${pcfiledir}/${up}")
endif()
foreach(dir INCLUDEDIR LIBDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
    set(LAMBDAKIQ_PC_${dir} "${CMAKE_INSTALL_${dir}}")
  else()
    set(LAMBDAKIQ_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
configure_file(cmake/lambdakiq.pc.in lambdakiq.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lambdakiq.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# CMake package
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lambdakiq)
configure_package_config_file(cmake/lambdakiqConfig.cmake.in lambdakiqConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(lambdakiqConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(EXPORT lambdakiqTargets NAMESPACE lambdakiq:: DESTINATION ${package_dir} COMPONENT development)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lambdakiqConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/lambdakiqConfigVersion.cmake
  cmake/lambdakiqLambdaPackage.cmake DESTINATION ${package_dir} COMPONENT development)
install(PROGRAMS cmake/lambda_package.sh DESTINATION ${package_dir} COMPONENT development)

if(LAMBDAKIQ_LOCAL)
  install(TARGETS lambdakiq_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
  install(FILES docs/man/lambdakiq.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT command)
endif()

# Debian packages: liblambdakiq3, liblambdakiq-dev, lambdakiq. cpack -G DEB in the build directory.
set(CPACK_PACKAGE_NAME lambdakiq)
set(CPACK_PACKAGE_VENDOR "The Lambdakiq authors")
set(CPACK_PACKAGE_CONTACT "The Lambdakiq authors <maintainers@lambdakiq.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Background jobs on Amazon SQS and AWS Lambda")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime development)
if(LAMBDAKIQ_LOCAL)
  list(APPEND CPACK_COMPONENTS_ALL command)
endif()
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME liblambdakiq${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME liblambdakiq-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "liblambdakiq${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION}), \
libcurl4-openssl-dev | libcurl-dev, libssl-dev, libjansson-dev")
set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME lambdakiq)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION utils)
include(CPack)
