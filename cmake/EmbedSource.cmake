# cmake -DINPUT=file -DMORE=file|file... -DOUTPUT=file -DDEPFILE=file -P EmbedSource.cmake
#
# Writes OUTPUT, a C++ file with the source text of a plug-in in section `lensbench_source`, where the
# bench reads it, and DEPFILE, the list of files that the text was taken from. The text consists of
# INPUT, the files that it includes with quotes, those that they include, and the file NAME.cpp of each
# such NAME.hpp; then of MORE with the files that they include. Each file is taken once, and only if it
# is in the folder of INPUT, below it, or in a folder `common` next to it. If there are several, each
# follows a line `// file: NAME`.
cmake_minimum_required(VERSION 3.25)

# Appends a file of the folder, and the files that it leads to, to the list `parts`.
function(lensbench_add_part file)
  file(REAL_PATH "${file}" file)
  get_filename_component(above "${folder}" DIRECTORY)
  string(FIND "${file}" "${folder}/" at)
  string(FIND "${file}" "${above}/common/" at_common)
  if((NOT at EQUAL 0 AND NOT at_common EQUAL 0) OR NOT EXISTS "${file}" OR IS_DIRECTORY "${file}" OR "${file}" IN_LIST parts)
    return()
  endif()
  list(APPEND parts "${file}")
  file(STRINGS "${file}" includes REGEX "^[ \t]*#[ \t]*include[ \t]*\"[^\"]+\"")
  get_filename_component(own_folder "${file}" DIRECTORY)
  foreach(line IN LISTS includes)
    string(REGEX REPLACE "^[^\"]*\"([^\"]+)\".*" "\\1" name "${line}")
    foreach(base IN ITEMS "${own_folder}" "${folder}" "${above}")
      if(EXISTS "${base}/${name}")
        lensbench_add_part("${base}/${name}")
        break()
      endif()
    endforeach()
  endforeach()
  if(file MATCHES "\\.hpp$")
    string(REGEX REPLACE "\\.hpp$" ".cpp" companion "${file}")
    if(EXISTS "${companion}")
      lensbench_add_part("${companion}")
    endif()
  endif()
  set(parts "${parts}" PARENT_SCOPE)
endfunction()

file(REAL_PATH "${INPUT}" input)
get_filename_component(folder "${input}" DIRECTORY)
set(parts)
lensbench_add_part("${input}")
string(REPLACE "|" ";" more "${MORE}")
foreach(file IN LISTS more)
  lensbench_add_part("${file}")
endforeach()

list(LENGTH parts count)
set(text "")
set(dependencies "")
foreach(part IN LISTS parts)
  file(READ "${part}" content HEX)
  if(count GREATER 1)
    file(RELATIVE_PATH name "${folder}" "${part}")
    string(HEX "// file: ${name}\n" heading)
    if(NOT content MATCHES "^(..)*0a$")
      string(APPEND content "0a")
    endif()
    string(PREPEND content "${heading}")
  endif()
  string(APPEND text "${content}")
  string(REPLACE " " "\\ " escaped "${part}")
  string(APPEND dependencies " \\\n  ${escaped}")
endforeach()
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${text}")
string(REGEX REPLACE "(('.....?',){16})" "\\1\n" bytes "${bytes}")
file(WRITE "${OUTPUT}"
  "extern \"C\" {\n"
  "__attribute__((visibility(\"hidden\"))) extern const char lensbench_plugin_source_text[];\n"
  "__attribute__((section(\"lensbench_source\"), used))\n"
  "const char lensbench_plugin_source_text[] = {\n${bytes}0};\n"
  "}\n")
string(REPLACE " " "\\ " escaped "${OUTPUT}")
file(WRITE "${DEPFILE}" "${escaped}:${dependencies}\n")
