# What `cmake --install` leaves: the program, and valence::valence for find_package(valence).
#
# The library is one archive of the engine's layers, so that users link one file and see one target; the layers stay
# an affair of this tree. Its headers need tl::expected, its code fmt, utf8proc and PCRE2: valenceConfig.cmake finds them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The engine and all that it stands on, from the layer table.
set(pending engine)
set(packaged "")
while(pending)
  list(POP_FRONT pending layer)
  if(NOT layer IN_LIST packaged)
    list(APPEND packaged ${layer})
    get_property(deps GLOBAL PROPERTY VALENCE_LAYER_DEPS_${layer})
    list(APPEND pending ${deps})
  endif()
endwhile()

set(objects "")
foreach(layer IN LISTS packaged)
  list(APPEND objects $<TARGET_OBJECTS:valence_${layer}>)
endforeach()
add_library(valence_package STATIC ${objects})
add_library(valence::valence ALIAS valence_package)
set_target_properties(valence_package PROPERTIES OUTPUT_NAME valence EXPORT_NAME valence LINKER_LANGUAGE CXX)
target_compile_features(valence_package PUBLIC cxx_std_20)
target_include_directories(valence_package INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(valence_package PUBLIC tl::expected PRIVATE fmt::fmt PkgConfig::utf8proc PkgConfig::pcre2 Threads::Threads)

install(TARGETS valence_package EXPORT valence ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/valence TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE NOTICE TYPE DOC COMPONENT program)
if(TARGET valence_program)
  install(TARGETS valence_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  # What the program says of itself: manual pages and completions, made by it where it can run as users have it.
  find_program(VALENCE_GZIP gzip)
  if(VALENCE_GZIP AND NOT CMAKE_CROSSCOMPILING AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    set(told ${PROJECT_BINARY_DIR}/told)
    add_custom_command(
      OUTPUT ${told}/stamp
      COMMAND ${CMAKE_COMMAND} -E rm -rf ${told}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${told}/man1
      COMMAND valence_program man --output-dir ${told}/man1
      COMMAND sh -c "${VALENCE_GZIP} -9n ${told}/man1/*.1"
      COMMAND valence_program completion bash > ${told}/valence
      COMMAND valence_program completion zsh > ${told}/_valence
      COMMAND valence_program completion fish > ${told}/valence.fish
      COMMAND ${CMAKE_COMMAND} -E touch ${told}/stamp
      DEPENDS valence_program VERBATIM)
    add_custom_target(valence_manual ALL DEPENDS ${told}/stamp)
    # Optional: who built the program alone installs it alone.
    install(DIRECTORY ${told}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT program OPTIONAL)
    install(FILES ${told}/valence DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program OPTIONAL)
    install(FILES ${told}/_valence DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT program OPTIONAL)
    install(FILES ${told}/valence.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program OPTIONAL)
  endif()
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/valence)
install(EXPORT valence NAMESPACE valence:: FILE valenceTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/valenceConfig.cmake.in ${PROJECT_BINARY_DIR}/valenceConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/valenceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/valenceConfig.cmake ${PROJECT_BINARY_DIR}/valenceConfigVersion.cmake
        DESTINATION ${package_dir})
