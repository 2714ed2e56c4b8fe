# The Debian package: `cpack -G DEB` in the build folder. The program, its unit and licence; the unit's user is systemd's
# (DynamicUser), so that there is nothing to do at installation.
install(FILES deploy/systemd/valence.service DESTINATION lib/systemd/system COMPONENT program)
# Debian's documents: gzip -n, so that the same sources give the same package.
set(debian_changelog ${PROJECT_BINARY_DIR}/debian/changelog)
configure_file(deploy/debian/changelog.in ${debian_changelog} @ONLY)
execute_process(COMMAND gzip -9nkf ${debian_changelog})
install(FILES ${debian_changelog}.gz deploy/debian/copyright CHANGELOG.md README.md DESTINATION share/doc/valence COMPONENT program)
# zsh of Debian looks here under /usr.
install(FILES ${PROJECT_BINARY_DIR}/told/_valence DESTINATION share/zsh/vendor-completions COMPONENT program OPTIONAL)
install(DIRECTORY docs/ DESTINATION share/doc/valence/docs COMPONENT program FILES_MATCHING PATTERN "*.md")

set(CPACK_PACKAGE_NAME valence)
set(CPACK_PACKAGE_CONTACT "valence developers <valence@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
    "Sentiment and text classification on one's own machine: on the command line,
or as a service with an HTTP API, a history, a dashboard, metrics and alerts.
Reads Hugging Face models; needs no Python.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL program)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded at the first request, so that no tool sees it among the program's libraries.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libcurl4, ca-certificates")
include(CPack)
