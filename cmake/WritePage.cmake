# cmake -DOUTPUT=file [-DBUILD=folder -DLICENCES=file] -P WritePage.cmake
#
# Writes OUTPUT, a C++ file with the functions of framework/report/page/page_source.hpp, and rewrites
# the scripts page.js, start.js and live.js in BUILD so that they begin with the licences. Without BUILD all
# texts are empty.
cmake_minimum_required(VERSION 3.25)

# The page holds the texts in elements of HTML, which such a text would end.
function(check_text file text)
  string(TOLOWER "${text}" lower)
  if(lower MATCHES "</(script|style)|<!--|\\)lensbench_page\"")
    message(FATAL_ERROR "${file}: contains ${CMAKE_MATCH_0}, which would end the element of the page; "
      "write the text in the source in two parts")
  endif()
endfunction()

foreach(name IN ITEMS page start live)
  set(${name}_script "")
  if(BUILD)
    file(READ "${BUILD}/${name}.js" script)
    file(READ "${LICENCES}" licences)
    # A script that was not bundled anew has them already.
    string(FIND "${script}" "/*!" at)
    if(NOT at EQUAL 0)
      string(PREPEND script "/*!\n${licences}*/\n")
      file(WRITE "${BUILD}/${name}.js" "${script}")
    endif()
    set(${name}_script "${script}")
    check_text("${BUILD}/${name}.js" "${script}")
  endif()
endforeach()
set(starting_script "${start_script}")
foreach(name IN ITEMS page live)
  set(${name}_style "")
  if(BUILD)
    file(READ "${BUILD}/${name}.css" ${name}_style)
    check_text("${BUILD}/${name}.css" "${${name}_style}")
  endif()
endforeach()

set(source "#include \"report/page/page_source.hpp\"

namespace lensbench::page {
")
foreach(name IN ITEMS page_script starting_script page_style live_script live_style)
  string(APPEND source "
std::string_view ${name}() {
  return R\"lensbench_page(${${name}})lensbench_page\";
}
")
endforeach()
string(APPEND source "
}  // namespace lensbench::page
")
file(WRITE "${OUTPUT}" "${source}")
