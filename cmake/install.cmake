# What `cmake --install` puts where.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sqzc)

install(TARGETS sqzc sqz EXPORT sqzcTargets)
install(EXPORT sqzcTargets NAMESPACE sqzc:: DESTINATION ${package_dir})
install(FILES runtime/sqz.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES compiler/driver/sqzc.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)

configure_file(cmake/sqz.pc.in sqz.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/sqz.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

configure_package_config_file(cmake/sqzcConfig.cmake.in sqzcConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/sqzcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES ${CMAKE_BINARY_DIR}/sqzcConfig.cmake ${CMAKE_BINARY_DIR}/sqzcConfigVersion.cmake cmake/sqzcAddModel.cmake
  DESTINATION ${package_dir})
