# cmake -DOUTPUT=file [-DSCRIPT=file -DSTYLE=file -DLICENCES=file] -P WritePage.cmake
#
# Writes OUTPUT, a C++ file with the two functions of framework/report/page/page_source.hpp, and
# rewrites SCRIPT so that it begins with the licences. Without SCRIPT both texts are empty.
cmake_minimum_required(VERSION 3.25)

set(script "")
set(style "")
if(SCRIPT)
  file(READ "${SCRIPT}" script)
  file(READ "${STYLE}" style)
  file(READ "${LICENCES}" licences)
  # A script that was not bundled anew has them already.
  string(FIND "${script}" "/*!" at)
  if(NOT at EQUAL 0)
    string(PREPEND script "/*!\n${licences}*/\n")
    file(WRITE "${SCRIPT}" "${script}")
  endif()
  # The page holds both in elements of HTML, which such a text would end.
  foreach(text IN ITEMS "${script}" "${style}")
    string(TOLOWER "${text}" lower)
    if(lower MATCHES "</(script|style)|<!--|\\)lensbench_page\"")
      message(FATAL_ERROR "${SCRIPT}, ${STYLE}: contains ${CMAKE_MATCH_0}, which would end the element "
        "of the page; write the text in the source in two parts")
    endif()
  endforeach()
endif()
file(WRITE "${OUTPUT}" "#include \"report/page/page_source.hpp\"

namespace lensbench::page {

std::string_view page_script() {
  return R\"lensbench_page(${script})lensbench_page\";
}

std::string_view page_style() {
  return R\"lensbench_page(${style})lensbench_page\";
}

}  // namespace lensbench::page
")
