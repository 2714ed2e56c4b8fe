# valence_library(<layer> DEPS <layers> EXTERNAL <targets>): the folder src/valence/<layer> as one library.
#
# DEPS is the layer table of docs/architecture.md: what the linker gets is what tools/check_layers.py compares every
# #include with.
function(valence_library layer)
  cmake_parse_arguments(ARG "" "" "DEPS;EXTERNAL" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${layer}/*.cpp
       ${CMAKE_CURRENT_SOURCE_DIR}/${layer}/*/*.cpp)
  add_library(valence_${layer} STATIC ${sources})
  target_link_libraries(valence_${layer} PUBLIC valence_flags)
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(valence_${layer} PUBLIC valence_${dep})
  endforeach()
  target_link_libraries(valence_${layer} PUBLIC ${ARG_EXTERNAL})
  set_property(GLOBAL APPEND PROPERTY VALENCE_LAYERS ${layer})
  set_property(GLOBAL PROPERTY VALENCE_LAYER_DEPS_${layer} "${ARG_DEPS}")
endfunction()
