# Compiles several sources of a target as one: most of a compiler's time goes into
# headers, which are then read once. So within a target, names of a file's own
# differ between files. CMake's unity builds would do this, but name sources by
# their whole paths, by which no clone finds in ccache what another has compiled.
#
# A source with options of its own stays as it is. So do those of a target with
# UNITY_BUILD OFF, but for the sources with a UNITY_GROUP, which become one.

# The sources of `target`, in order and `batch` at a time; 0: all.
function(lockstep_unite target batch)
  get_target_property(unity ${target} UNITY_BUILD)
  if(unity STREQUAL "OFF")
    set(batch 0)
  endif()
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  set(includes)
  foreach(source ${sources})
    cmake_path(GET source EXTENSION LAST_ONLY extension)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder})
    lockstep_has_options(${target} ${source} has_options)
    get_source_file_property(group ${source} TARGET_DIRECTORY ${target}
                             UNITY_GROUP)
    if(unity STREQUAL "OFF" AND NOT group)
      continue()
    endif()
    if(extension STREQUAL ".cc" AND NOT has_options)
      set_source_files_properties(${source} TARGET_DIRECTORY ${target}
                                  PROPERTIES HEADER_FILE_ONLY ON)
      lockstep_include_path(${source} path)
      list(APPEND includes "#include \"${path}\"\n")
    endif()
  endforeach()
  lockstep_write_batches(${target} ${batch} "${includes}")
endfunction()

# Whether a source is compiled otherwise than the rest of its target.
function(lockstep_has_options target source out)
  set(${out} FALSE PARENT_SCOPE)
  foreach(property COMPILE_DEFINITIONS COMPILE_OPTIONS)
    get_source_file_property(value ${source} TARGET_DIRECTORY ${target}
                             ${property})
    if(value)
      set(${out} TRUE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# How a source is included: from the source root, or the folder of generated ones.
function(lockstep_include_path source out)
  set(root ${CMAKE_SOURCE_DIR})
  cmake_path(IS_PREFIX CMAKE_BINARY_DIR ${source} is_generated)
  if(is_generated)
    set(root ${CMAKE_BINARY_DIR}/gen)
  endif()
  cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${root} OUTPUT_VARIABLE path)
  set(${out} ${path} PARENT_SCOPE)
endfunction()

function(lockstep_write_batches target batch includes)
  get_target_property(folder ${target} BINARY_DIR)
  list(LENGTH includes left)
  if(batch EQUAL 0)
    set(batch ${left})
  endif()
  set(number 0)
  while(includes)
    list(SUBLIST includes 0 ${batch} these)
    list(JOIN these "" text)
    set(file ${folder}/${target}_united_${number}.cc)
    file(GENERATE OUTPUT ${file} CONTENT "${text}")
    target_sources(${target} PRIVATE ${file})
    math(EXPR number "${number} + 1")
    list(LENGTH includes left)
    if(left LESS_EQUAL batch)
      break()
    endif()
    list(SUBLIST includes ${batch} -1 includes)
  endwhile()
endfunction()

# All programs and libraries of a folder and of those below it.
function(lockstep_unite_all folder batch)
  get_directory_property(targets DIRECTORY ${folder} BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    if(type MATCHES "^(STATIC_LIBRARY|MODULE_LIBRARY|EXECUTABLE)$")
      lockstep_unite(${target} ${batch})
    endif()
  endforeach()
  get_directory_property(folders DIRECTORY ${folder} SUBDIRECTORIES)
  foreach(below ${folders})
    lockstep_unite_all(${below} ${batch})
  endforeach()
endfunction()
